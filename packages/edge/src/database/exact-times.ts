import type { Question } from './asker.ts'
import type { EdgeTransaction } from '../identity/live-client.ts'
import type { ExactTimes } from '../queries/stored-record.ts'

const CHUNK = 1_000

/**
 * Microseconds of times that records show in milliseconds, read in the same snapshot and under the same policies: an order by
 * such a field needs them.
 */
export async function readExactTimes(
  transaction: EdgeTransaction,
  question: Question,
  answer: unknown,
): Promise<ReadonlyMap<string, ExactTimes> | undefined> {
  const { exactTimes, model, keyField } = question
  if (exactTimes === undefined || exactTimes.length === 0 || keyField === undefined) return undefined
  const records = (Array.isArray(answer) ? answer : []) as Record<string, unknown>[]
  const keys = records.map((record) => record[keyField])
  const times = new Map<string, ExactTimes>()
  for (let from = 0; from < keys.length; from += CHUNK) {
    const rows = await transaction.$qb
      .selectFrom(model)
      .select((eb) => [
        eb.ref(keyField).as('key'),
        // Seconds as a double: exact to a microsecond for dates of this age.
        ...exactTimes.map((name) => eb.fn('date_part', [eb.val('epoch'), eb.ref(name)]).as(name)),
      ])
      .where(keyField, 'in', keys.slice(from, from + CHUNK))
      .execute()
    for (const row of rows) times.set(String(row['key']), Object.fromEntries(exactTimes.map((name) => [name, microseconds(row[name])])))
  }
  return times
}

function microseconds(seconds: unknown): ExactTimes[string] {
  if (seconds === null || seconds === undefined) return null
  const number = Number(seconds)
  if (!Number.isFinite(number)) return number > 0 ? 'infinity' : '-infinity'
  return BigInt(Math.round(number * 1e6))
}
