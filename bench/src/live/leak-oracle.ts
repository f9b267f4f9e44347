import { createSseDecoder, decodeFrame, type Frame, type RowChange } from '@zenstack-live/protocol'
import { progress } from '../command.ts'
import type { LiveWorld } from './live-world.ts'
import { createKeyTrace, type KeyTrace } from './key-trace.ts'
import { EVERYBODY, type DatabaseState, type Readable } from './observed-commits.ts'
import type { UserId } from './studio.ts'
import type { Watcher } from './watcher.ts'

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
  /** In all that one client was sent. */
  countLeaks(watcher: Pick<Watcher, 'answers' | 'hiddenKeyQueries'>): number
}

export function createLeakOracle({ commits, policies }: Pick<LiveWorld, 'commits' | 'policies'>): LeakOracle {
  /** Where the log ended in each state. */
  const ends: bigint[] = []
  /** The last state in which a person could read a token. */
  const readable = new Map<UserId, Map<string, number>>(EVERYBODY.map((user) => [user, new Map()]))
  /** Rows that a person could read, state by state. */
  const ids: DatabaseState['ids'][] = []

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
        ids.push(state.ids)
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
    countLeaks({ answers, hiddenKeyQueries }) {
      const traces = new Map<UserId, KeyTrace>()
      let leaks = 0
      for (const { user, bytes } of answers) {
        // A stream may begin before the first state that was noted: -1.
        const wasReadable = (key: string, from: number, to: number): boolean =>
          ids.slice(Math.max(0, from), to + 1).some((of) => of.get(user)?.has(key) === true)
        const trace = traces.get(user) ?? createKeyTrace({ stateOf, wasReadable })
        traces.set(user, trace)
        trace.begin()
        const reader: ReaderHistory = { stateOf, lastReadable: (token) => lastReadable(user, token), hiddenKeyQueries, trace }
        for (const { event, data } of createSseDecoder().feed(bytes)) {
          const frame = data === undefined ? undefined : decodeFrame(event, data)
          if (frame === undefined || data === undefined) continue
          for (const what of leaksIn(frame, data, reader)) {
            leaks++
            if (leaks <= 3) progress(`LEAK to ${user}: ${what} in ${JSON.stringify(frame).slice(0, 1_500)}`)
          }
        }
      }
      return leaks
    },
  }
}

/** What is known of one person, as one client saw it. */
interface ReaderHistory extends Pick<Watcher, 'hiddenKeyQueries'> {
  readonly trace: KeyTrace
  stateOf(entry: string): number
  lastReadable(token: string): number
}

/** What in a frame nobody may tell this reader. */
function leaksIn(frame: Frame, data: string, { stateOf, lastReadable, hiddenKeyQueries, trace }: ReaderHistory): string[] {
  const unreadable = (tokens: readonly string[], from: number): string[] =>
    tokens.filter((token) => lastReadable(token) < from).map((token) => `${token} of state ${lastReadable(token)} in one of state ${from},`)
  const earlier = new Set(frame.event === 'changes' ? tokensOf(data) : [])
  const now = new Set(tokensOf(frame.event === 'changes' ? JSON.stringify(frame.changes.map(afterOf)) : data))
  const leaks = [
    ...unreadable(
      [...earlier].filter((token) => !now.has(token)),
      0,
    ),
    ...unreadable([...now], 'at' in frame ? stateOf(frame.at) : 0),
  ]
  if ('q' in frame && frame.q !== undefined && hiddenKeyQueries.has(frame.q) && hasPlainKey(frame)) leaks.push('a plain key')
  if (frame.event === 'changes' && showsDeleted(frame)) leaks.push('more than the key of a deleted row')
  return [...leaks, ...trace.foreignKeysIn(frame).map((key) => `the key ${key} of a row that the query did not have`)]
}

/** As often as each was read. */
function tokensOf(text: string): string[] {
  return text.match(TOKEN) ?? []
}

/** A keyed hash is 22 characters; rows of equal content are told apart by a number behind it. */
function hasPlainKey(frame: Frame): boolean {
  const keys = frame.event === 'snapshot' && frame.shape !== 'value' ? frame.rows.map(({ key }) => key) : []
  if (frame.event === 'change') keys.push(...frame.ops.flatMap((operation) => ('key' in operation ? [operation.key] : [])))
  return keys.some((key) => !/^[\w-]{22}(#\d+)?$/.test(key))
}

/** What a row is since a change. */
function afterOf(change: RowChange): unknown {
  return change.type === 'created' ? change.created : change.type === 'updated' ? change.updated.after : undefined
}

function showsDeleted(frame: Extract<Frame, { event: 'changes' }>): boolean {
  return frame.changes.some((change) => change.type === 'deleted' && Object.keys(change.deleted as object).length > 1)
}
