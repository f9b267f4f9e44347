import { createSseDecoder, decodeFrame, type Frame, type RowChange } from '@zenstack-live/protocol'
import { progress } from '../command.ts'
import type { LiveWorld } from './live-world.ts'
import { EVERYBODY, type DatabaseState, type Readable } from './observed-commits.ts'
import type { UserId } from './studio.ts'

/*
 * What was sent is held against what each person could read, state by state. Every text and number that somebody may be kept from
 * seeing is written once only, so each can be traced to the states in which it could be read. A frame names the transaction it
 * carries: what it shows must be readable in the state after it, or in a later one. Only what a change was before (`$changes`) may be
 * of an earlier one.
 */

/** Among the hexadecimal digits of a sort key such a number means nothing. */
const TOKEN = /tok\d{6}x|(?<![\da-z])7000\d{4}(?![\da-z])/g
/** 52 bits below the epoch. */
const LSN_MASK = (1n << 52n) - 1n

export interface LeakOracle {
  /** Notes states, of which nobody may miss one. */
  note(states: readonly DatabaseState[]): void
  /**
   * Asks the policy-bound client itself what one of them may read now, each in turn. Called while nobody writes.
   *
   * @throws {Error} when that is not what the last state says.
   */
  check(): Promise<Readable>
  /** The bytes of one answer, all of them, and for whom they were. */
  countLeaks(user: UserId, bytes: string, hiddenKeyQueries: ReadonlySet<string>): number
}

export function createLeakOracle({ commits, policies }: Pick<LiveWorld, 'commits' | 'policies'>): LeakOracle {
  /** Where the log ended in each state. */
  const ends: bigint[] = []
  /** The last state in which a person could read a token. */
  const readable = new Map<UserId, Map<string, number>>(EVERYBODY.map((user) => [user, new Map()]))

  let last: DatabaseState['readable'] = new Map()
  let checks = 0

  /** The state after an entry. A mark (0 behind the dash) may lie before the commit that made the next state. */
  const stateOf = (entry: string): number => {
    const [major = '', minor] = entry.split('-')
    const lsn = BigInt(major) & LSN_MASK
    const next = ends.findIndex((end) => end >= lsn)
    const state = next < 0 ? ends.length - 1 : next
    return minor === '0' && ends[state] !== lsn ? state - 1 : state
  }
  const lastReadable = (user: UserId, token: string): number => readable.get(user)?.get(token) ?? -1

  return {
    note(noted) {
      for (const state of noted) {
        ends.push(state.end)
        for (const [user, text] of state.readable) for (const token of tokensOf(text)) readable.get(user)?.set(token, ends.length - 1)
        last = state.readable
      }
    },
    async check() {
      const user = EVERYBODY[checks++ % EVERYBODY.length] ?? 'nobody'
      const mayRead = await commits.askAnew(user)
      const [noted, asked] = [last.get(user) ?? '', mayRead.text].map((text) => tokensOf(text).toSorted())
      // A state holds what could be read at any moment of it.
      const isSame = policies.time === undefined ? noted?.join() === asked?.join() : asked?.every((token) => noted?.includes(token))
      if (isSame !== true) throw new Error(`${user} may read ${asked?.join(' ')}, but what was noted is ${noted?.join(' ')}.`)
      return mayRead
    },
    countLeaks(user, bytes, hiddenKeyQueries) {
      let leaks = 0
      const check = (token: string, from: number, frame: Frame): void => {
        const readableIn = lastReadable(user, token)
        if (readableIn < from) report(`${token} of state ${readableIn} in one of state ${from},`, frame)
      }
      const report = (what: string, frame: Frame): void => {
        leaks++
        if (leaks <= 3) progress(`LEAK to ${user}: ${what} in ${JSON.stringify(frame).slice(0, 1_500)}`)
      }
      for (const { event, data } of createSseDecoder().feed(bytes)) {
        const frame = data === undefined ? undefined : decodeFrame(event, data)
        if (frame === undefined || data === undefined) continue
        const at = 'at' in frame ? stateOf(frame.at) : 0
        const earlier = new Set(frame.event === 'changes' ? tokensOf(data) : [])
        const now = new Set(tokensOf(frame.event === 'changes' ? JSON.stringify(frame.changes.map(afterOf)) : data))
        for (const token of earlier) if (!now.has(token)) check(token, 0, frame)
        for (const token of now) check(token, at, frame)
        if ('q' in frame && frame.q !== undefined && hiddenKeyQueries.has(frame.q) && hasPlainKey(frame)) report('a plain key', frame)
        if (frame.event === 'changes' && showsDeleted(frame)) report('more than the key of a deleted row', frame)
      }
      return leaks
    },
  }
}

/** As often as each was read. */
function tokensOf(text: string): string[] {
  return text.match(TOKEN) ?? []
}

/** Ids of notes are numbers; a keyed hash is 22 characters. */
function hasPlainKey(frame: Frame): boolean {
  const keys = frame.event === 'snapshot' && frame.shape !== 'value' ? frame.rows.map(({ key }) => key) : []
  if (frame.event === 'change') keys.push(...frame.ops.flatMap((operation) => ('key' in operation ? [operation.key] : [])))
  return keys.some((key) => /^\d+(#\d+)?$/.test(key))
}

/** What a row is since a change. */
function afterOf(change: RowChange): unknown {
  return change.type === 'created' ? change.created : change.type === 'updated' ? change.updated.after : undefined
}

function showsDeleted(frame: Extract<Frame, { event: 'changes' }>): boolean {
  return frame.changes.some((change) => change.type === 'deleted' && Object.keys(change.deleted as object).length > 1)
}
