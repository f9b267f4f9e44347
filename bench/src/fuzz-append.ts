import {
  isRetryable,
  createEventClient,
  createEventsTable,
  createProjectionsTable,
  type EventClient,
  type EventQueryItem,
} from '@zenstack-live/event-sourcing'
import { openPool, startPostgres } from '@zenstack-live/testing'
import { drizzle } from 'drizzle-orm/node-postgres'
import type pg from 'pg'
import { progress, type CommandOptions } from './command.ts'
import { createRandom, type Random } from './random.ts'

/*
 * Many writers race for carts, each with a condition of some shape that must let exactly one of them through. Afterwards the
 * log itself is judged: whoever was accepted must have seen everything before it that its condition means.
 *
 * The control does the same with the locks taken out of the function; it has to fail, or the race proves nothing.
 */

interface Result {
  name: string
  cases: number
  violations: number
  controlViolations: number
  failed: boolean
  [kind: string]: unknown
}

interface Race {
  readonly kind: string
  /** The condition's query for a cart. */
  readonly query: (key: string) => EventQueryItem | EventQueryItem[]
  /** A second, different query that means some of the same events. */
  readonly otherQuery?: (key: string) => EventQueryItem | EventQueryItem[]
  /** Whether half of the writers add items without any condition. */
  readonly hasBlindWriters?: boolean
  /** Fewer carts, where everything in the table meets in one lock. */
  readonly share: number
}

const RACES: readonly Race[] = [
  { kind: 'identical', query: (cartId) => ({ types: ['CheckedOut', 'ItemAdded'], identifier: { cartId } }), share: 0.3 },
  {
    kind: 'overlapping',
    query: (cartId) => ({ types: ['CheckedOut', 'CartCreated'], identifier: { cartId } }),
    otherQuery: (cartId) => ({ types: ['CheckedOut', 'ItemAdded'], identifier: { cartId } }),
    share: 0.15,
  },
  { kind: 'identifierOnly', query: (cartId) => ({ identifier: { cartId } }), share: 0.15 },
  { kind: 'typeOnly', query: (cartId) => ({ types: [`CheckedOut:${cartId}`] }), share: 0.1 },
  { kind: 'matchAll', query: () => ({}), share: 0.02 },
  { kind: 'undeclaredKey', query: (token) => ({ types: ['CheckedOut'], identifier: { token } }), share: 0.08 },
  { kind: 'blindWriter', query: (cartId) => ({ types: ['CheckedOut', 'ItemAdded'], identifier: { cartId } }), hasBlindWriters: true, share: 0.15 },
  { kind: 'twoIdentifiers', query: (key) => [{ identifier: { cartId: key } }, { identifier: { productId: key } }], share: 0.05 },
]

const events = createEventsTable({ name: 'fuzz_events', identifiers: ['cartId', 'productId'] })
const projections = createProjectionsTable({ name: 'fuzz_views' })

/** `runs`: carts in all. */
export async function run({ seed = Date.now() % 2 ** 31, runs = 1000, mutate = false }: CommandOptions): Promise<Result> {
  if (mutate) throw new Error('Every run of this fuzzer breaks its subject by itself, as a control. It takes no --mutate.')
  progress(`seed ${seed}`)
  const server = await startPostgres({ settings: { max_connections: '120' } })
  try {
    const result: Result = { name: 'append', seed, cases: 0, violations: 0, controlViolations: 0, failed: false }
    for (const useAppendFunction of [true, false]) {
      // With the function installed most carts; the statements without it take the same locks.
      const carts = useAppendFunction ? runs : Math.ceil(runs / 5)
      for (const race of RACES) {
        const count = Math.max(2, Math.round(carts * race.share))
        const outcome = await runRace(await server.createDatabase(), race, count, createRandom(seed + count), useAppendFunction)
        const name = `${race.kind}${useAppendFunction ? '' : 'Statements'}`
        progress(`${name}: ${count} carts, ${outcome.violations} violations, ${outcome.accepted} accepted, ${outcome.refused} refused`)
        result.cases += count
        result.violations += outcome.violations
        result[name] = outcome.violations
      }
    }
    const control = await runControl(await server.createDatabase(), Math.min(100, runs), createRandom(seed))
    progress(`control without locks: ${control} violations`)
    return { ...result, controlViolations: control, failed: result.violations > 0 || control === 0 }
  } finally {
    await server.stop()
  }
}

interface RaceOutcome {
  violations: number
  accepted: number
  refused: number
}

async function runRace(url: string, race: Race, carts: number, random: Random, useAppendFunction: boolean, installs = true): Promise<RaceOutcome> {
  const pool = openPool({ connectionString: url, max: 32 })
  const client: EventClient = createEventClient(drizzle(pool), events, projections, { useAppendFunction })
  if (installs) await client.install()
  const outcome: RaceOutcome = { violations: 0, accepted: 0, refused: 0 }
  try {
    for (let cart = 0; cart < carts; cart++) {
      const key = `${race.kind}-${cart}`
      const writers = 8 + random.whole(25)
      await client.saveEvent({ type: 'CartCreated', data: dataOf(race, key) })
      const settled = await Promise.allSettled(
        Array.from({ length: writers }, (_, index) =>
          race.hasBlindWriters === true && index % 2 === 0 ? addBlindly(client, key) : checkOut(client, race, key, index, random),
        ),
      )
      for (const { status, ...rest } of settled) {
        if (status === 'fulfilled') outcome.accepted++
        else if (isRetryable(Reflect.get(rest, 'reason'))) outcome.refused++
        else throw Reflect.get(rest, 'reason')
      }
      outcome.violations += await judge(pool, race, key)
    }
    return outcome
  } finally {
    await pool.end()
  }
}

async function addBlindly(client: EventClient, cartId: string): Promise<void> {
  await client.saveEvent({ type: 'ItemAdded', data: { cartId } })
}

/** Reads, decides and appends: only a cart that shows no checkout yet is checked out. */
async function checkOut(client: EventClient, race: Race, key: string, index: number, random: Random): Promise<void> {
  const query = index % 2 === 1 && race.otherQuery !== undefined ? race.otherQuery(key) : race.query(key)
  const { events: seen, condition } = await client.read(query)
  if (seen.some(({ type, data }) => type.startsWith('CheckedOut') && Reflect.get(Object(data), 'token') === key)) return
  if (random.chance(0.3)) await new Promise((resolve) => setTimeout(resolve, random.whole(3)))
  const type = race.kind === 'typeOnly' ? `CheckedOut:${key}` : 'CheckedOut'
  const seenUpTo = seen.at(-1)?.position ?? 0
  await client.append({ type, data: { ...dataOf(race, key, index), seenUpTo, seenCount: seen.length } }, { condition })
}

/** With two identifiers each event carries one of them, and the decision rests on both. */
function dataOf(race: Race, key: string, index: number = 0): Record<string, unknown> {
  if (race.kind === 'twoIdentifiers') return index % 2 === 0 ? { cartId: key, token: key } : { productId: key, token: key }
  if (race.kind === 'undeclaredKey') return { token: key, note: index }
  return { cartId: key, token: key }
}

/** Violations in the log of one cart: a second checkout, or one that had not seen everything its condition means. */
async function judge(pool: pg.Pool, race: Race, key: string): Promise<number> {
  const { rows } = await pool.query<{ type: string; position: number; seen: number | null; seen_count: number | null; before: number }>(
    `SELECT e.type, e.position::float8 AS position, (e.data->>'seenUpTo')::float8 AS seen, (e.data->>'seenCount')::float8 AS seen_count,
       (SELECT count(*) FROM fuzz_events b WHERE b.position < e.position AND (b.data->>'cartId' = $1 OR b.data->>'productId' = $1 OR b.data->>'token' = $1))::float8 AS before
     FROM fuzz_events e WHERE (e.data->>'cartId' = $1 OR e.data->>'productId' = $1 OR e.data->>'token' = $1) AND e.type LIKE 'CheckedOut%' ORDER BY e.position`,
    [key],
  )
  const doubles = Math.max(0, rows.length - 1)
  const needsAll = ['identical', 'identifierOnly', 'blindWriter', 'twoIdentifiers'].includes(race.kind)
  // Between what was seen and the checkout itself nothing may have been added; CartCreated is outside two of the queries.
  const ignored = ['identical', 'blindWriter'].includes(race.kind) ? 1 : 0
  const unseen = needsAll ? rows.filter((row) => row.before - ignored > (row.seen_count ?? 0)).length : 0
  return doubles + unseen
}

/** The same function without its locks. */
async function runControl(url: string, carts: number, random: Random): Promise<number> {
  const pool = openPool({ connectionString: url, max: 4 })
  try {
    await createEventClient(drizzle(pool), events, projections).install()
    const { rows } = await pool.query<{ definition: string }>(`SELECT pg_get_functiondef('fuzz_events_append'::regproc) AS definition`)
    const definition = rows[0]?.definition ?? ''
    const unlocked = definition.replaceAll(/pg_advisory_xact_lock(_shared)?\(l\.key\) IS NULL/g, 'true')
    if (unlocked === definition) throw new Error('The append function takes no locks that the control could leave out.')
    await pool.query(unlocked)
  } finally {
    await pool.end()
  }
  const [race] = RACES
  if (race === undefined) throw new Error('There is no race.')
  return (await runRace(url, race, carts, random, true, false)).violations
}
