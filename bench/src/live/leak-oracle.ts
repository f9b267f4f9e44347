import { createSseDecoder, decodeFrame, type Frame } from '@zenstack-live/protocol'
import { progress } from '../command.ts'
import type { LiveWorld } from './live-world.ts'
import { USERS, type UserId } from './studio.ts'

/*
 * What was sent is held against what each person could read, state by state. Every text and number that somebody may be kept from
 * seeing is written once only, so each can be traced to the states in which it could be read. A frame names the transaction it
 * carries: what it shows must be readable in the state after it, or in a later one. Only what a change was before (`$changes`) may be
 * of an earlier one.
 */

const TOKEN = /tok\d{6}x|(?<!\d)7\d{7}(?!\d)/g
const EVERYBODY: readonly UserId[] = [...USERS, 'nobody']
/** 52 bits below the epoch. */
const LSN_MASK = (1n << 52n) - 1n

export interface LeakOracle {
  /** Notes what everybody may read now. Called after each write, before the next. */
  observe(): Promise<void>
  /** The bytes of one answer, all of them, and for whom they were. */
  countLeaks(user: UserId, bytes: string, hiddenKeyQueries: ReadonlySet<string>): number
}

export function createLeakOracle(world: LiveWorld): LeakOracle {
  /** Where the log stood when each state was noted. */
  const states: bigint[] = []
  /** The last state in which a person could read a token. */
  const readable = new Map<UserId, Map<string, number>>(EVERYBODY.map((user) => [user, new Map()]))

  /** The state after an entry. A mark (0 behind the dash) may lie before the commit that made the next state. */
  const stateOf = (entry: string): number => {
    const [major = '', minor] = entry.split('-')
    const lsn = BigInt(major) & LSN_MASK
    const next = states.findIndex((end) => end >= lsn)
    const state = next < 0 ? states.length - 1 : next
    return minor === '0' && states[state] !== lsn ? state - 1 : state
  }
  const isAllowed = (user: UserId, token: string, from: number): boolean => (readable.get(user)?.get(token) ?? -1) >= from

  return {
    async observe() {
      const [row] = await world.sql('SELECT (pg_current_wal_insert_lsn() - $1::pg_lsn)::text AS lsn', ['0/0'])
      states.push(BigInt(String(row?.['lsn'])))
      const state = states.length - 1
      await Promise.all(
        EVERYBODY.map(async (user) => {
          const text = JSON.stringify(await everythingOf(world, user), (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
          for (const token of text.match(TOKEN) ?? []) readable.get(user)?.set(token, state)
        }),
      )
    },
    countLeaks(user, bytes, hiddenKeyQueries) {
      let leaks = 0
      const report = (what: string, frame: Frame): void => {
        leaks++
        if (leaks <= 3) progress(`LEAK to ${user}: ${what} in ${JSON.stringify(frame).slice(0, 600)}`)
      }
      for (const { event, data } of createSseDecoder().feed(bytes)) {
        const frame = data === undefined ? undefined : decodeFrame(event, data)
        if (frame === undefined || data === undefined) continue
        const from = frame.event === 'changes' || !('at' in frame) ? 0 : stateOf(frame.at)
        for (const token of new Set(data.match(TOKEN))) if (!isAllowed(user, token, from)) report(token, frame)
        if ('q' in frame && frame.q !== undefined && hiddenKeyQueries.has(frame.q) && hasPlainKey(frame)) report('a plain key', frame)
        if (frame.event === 'changes' && showsDeleted(frame)) report('more than the key of a deleted row', frame)
      }
      return leaks
    },
  }
}

function everythingOf(world: LiveWorld, user: UserId): Promise<unknown> {
  return world
    .clientOf(user)
    .then((client) =>
      Promise.all([
        client.user.findMany(),
        client.space.findMany(),
        client.task.findMany(),
        client.comment.findMany(),
        client.note.findMany(),
        client.tag.findMany(),
        client.picture.findMany(),
        client.memo.findMany(),
      ]),
    )
}

/** Ids of notes are numbers; a keyed hash is 22 characters. */
function hasPlainKey(frame: Frame): boolean {
  const keys = frame.event === 'snapshot' && frame.shape !== 'value' ? frame.rows.map(({ key }) => key) : []
  if (frame.event === 'change') keys.push(...frame.ops.flatMap((operation) => ('key' in operation ? [operation.key] : [])))
  return keys.some((key) => /^\d+(#\d+)?$/.test(key))
}

function showsDeleted(frame: Extract<Frame, { event: 'changes' }>): boolean {
  return frame.changes.some((change) => change.type === 'deleted' && Object.keys(change.deleted as object).length > 1)
}
