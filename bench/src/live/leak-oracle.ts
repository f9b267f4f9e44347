import { createSseDecoder, decodeFrame, type Frame } from '@zenstack-live/protocol'
import { progress } from '../command.ts'
import { changeLeaks } from './change-leaks.ts'
import { createDatabaseHistory, type DatabaseHistory } from './database-history.ts'
import { afterOf, changesIn, countsOf, keysIn, rowsBefore, rowsNow, rowsOfValue, type KeyedRow } from './frame-rows.ts'
import type { LiveWorld } from './live-world.ts'
import { createKeyTrace, type KeyTrace } from './key-trace.ts'
import { EVERYBODY, type DatabaseState, type Readable } from './observed-commits.ts'
import type { ReadableHistory, State } from './readable-history.ts'
import type { UserId } from './studio.ts'
import type { Watcher } from './watcher.ts'

/*
 * What was sent is held against what each person could read, state by state. A frame names the transaction it carries: each row in it,
 * with all its fields and what its place tells of them, must be as the reader could read it in the state after it, or in a later one
 * that there was when it came. Only what a change was before (`$changes`) may be of an earlier one.
 *
 * Beside the rows, everything is looked through for texts and numbers that were written once only.
 */

/** Among the hexadecimal digits of a sort key such a number means nothing. */
const TOKEN = /tok\d{6}x|(?<![\da-z])7000\d{4}(?![\da-z])/g
export interface LeakOracle {
  readonly history: DatabaseHistory
  /** Notes states, of which nobody may miss one. */
  note(states: readonly DatabaseState[]): void
  /**
   * Asks the policy-bound client itself what one of them may read now, each in turn. Called while nobody writes.
   *
   * @throws {Error} when that is not what the last state says.
   */
  check(): Promise<Readable>
  /** In all that one client was sent. */
  countLeaks(watcher: Pick<Watcher, 'answers' | 'asked'>): number
}

export function createLeakOracle({ commits, policies }: Pick<LiveWorld, 'commits' | 'policies'>): LeakOracle {
  /** Of transactions before the first state that is noted. */
  const begunBefore = commits.begun
  const history = createDatabaseHistory()
  /** The last state in which a person could read a token. */
  const readable = new Map<UserId, Map<string, State>>(EVERYBODY.map((user) => [user, new Map()]))

  let last: DatabaseState['readable'] = new Map()
  let checks = 0

  return {
    history,
    note(noted) {
      for (const state of noted) {
        history.note(state)
        for (const [user, text] of state.readable) for (const token of tokensOf(text)) readable.get(user)?.set(token, history.last)
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
    countLeaks({ answers, asked }) {
      const traces = new Map<UserId, KeyTrace>()
      let leaks = 0
      for (const { user, chunks } of answers) {
        const mine = history.of(user)
        const { stateOf, all } = history
        const trace = traces.get(user) ?? createKeyTrace({ stateOf, wasReadable: (...row) => mine.hasKey(...row) })
        traces.set(user, trace)
        trace.begin()
        const lastReadable = (token: string): State => readable.get(user)?.get(token) ?? -1
        const decoder = createSseDecoder()
        for (const { text, begun } of chunks) {
          const reader: ReaderHistory = {
            schema: policies.schema,
            stateOf,
            lastReadable,
            history: mine,
            all,
            asked,
            trace,
            now: begun - begunBefore - 1,
          }
          for (const { event, data } of decoder.feed(text)) {
            const frame = data === undefined ? undefined : decodeFrame(event, data)
            if (frame === undefined || data === undefined) continue
            for (const what of leaksIn(frame, data, reader)) {
              leaks++
              if (leaks <= 3) progress(`LEAK to ${user}: ${what} in ${JSON.stringify(frame).slice(0, 1_500)}`)
            }
          }
        }
      }
      return leaks
    },
  }
}

/** What is known of one person, as one client saw it. */
interface ReaderHistory extends Pick<Watcher, 'asked'> {
  readonly schema: LiveWorld['policies']['schema']
  readonly history: ReadableHistory
  /** Whoever may read it. */
  readonly all: ReadableHistory
  readonly trace: KeyTrace
  /** The last state that there can have been when the frame came. */
  readonly now: State
  stateOf(entry: string): State
  lastReadable(token: string): State
}

/** What in a frame nobody may tell this reader. */
function leaksIn(frame: Frame, data: string, reader: ReaderHistory): string[] {
  const leaks = [...unreadableTokens(frame, data, reader)]
  if (!('q' in frame) || frame.q === undefined) return leaks
  const query = reader.asked.get(frame.q)
  if (query === undefined) return [...leaks, 'a query that nobody asked']
  if (query.hidesKeys && keysIn(frame).some((key) => !KEYED_HASH.test(key))) leaks.push('a plain key')
  leaks.push(...reader.trace.foreignKeysIn(frame).map((key) => `the key ${key} of a row that the query did not have`))
  if (!('at' in frame)) return leaks
  const at = reader.stateOf(frame.at)
  if (frame.event === 'changes') leaks.push(...changeLeaks(changesIn(frame), { ...reader, query, at }))
  const unreadable = (rows: readonly KeyedRow[], from: State, to: State): string[] =>
    rows
      .filter((row) => !reader.history.holds(row, from, to))
      .map(({ model, key, fields }) => `${model} ${key ?? ''} ${JSON.stringify([...fields])} of no state from ${from} to ${to},`)
  const since = Math.max(0, reader.trace.sinceOf(frame.q) ?? 0)
  const most = reader.history.mostRows(query.model, at, reader.now)
  return [
    ...leaks,
    ...countsOf(frame, query).flatMap((count) => (count > most ? [`${count} rows of ${query.model} where there were ${most},`] : [])),
    ...unreadable(rowsOfValue(reader.schema, frame, query), at, reader.now),
    ...unreadable(rowsNow(reader.schema, frame, query), at, reader.now),
    ...unreadable(rowsBefore(reader.schema, frame, query), since, at - 1),
  ]
}

function unreadableTokens(frame: Frame, data: string, { stateOf, lastReadable }: ReaderHistory): string[] {
  const unreadable = (tokens: readonly string[], from: State): string[] =>
    tokens.filter((token) => lastReadable(token) < from).map((token) => `${token} of state ${lastReadable(token)} in one of state ${from},`)
  const earlier = new Set(frame.event === 'changes' ? tokensOf(data) : [])
  const now = new Set(tokensOf(frame.event === 'changes' ? JSON.stringify(frame.changes.map(afterOf)) : data))
  const before = [...earlier].filter((token) => !now.has(token))
  return [...unreadable(before, 0), ...unreadable([...now], 'at' in frame ? stateOf(frame.at) : 0)]
}

/** As often as each was read. */
function tokensOf(text: string): string[] {
  return text.match(TOKEN) ?? []
}

/** 22 characters; rows of equal content are told apart by a number behind it. */
const KEYED_HASH = /^[\w-]{22}(#\d+)?$/
