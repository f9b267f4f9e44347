import type { Frame } from '@zenstack-live/protocol'
import { changeLeaks } from './change-leaks.ts'
import type { AskedQuery } from './client-network.ts'
import { leaksInCounts } from './leaks-in-counts.ts'
import { afterOf, changesIn, keysIn, rowsBefore, rowsNow, rowsOfValue, type KeyedRow } from './frame-rows.ts'
import type { KeyTrace } from './key-trace.ts'
import type { LiveWorld } from './live-world.ts'
import { keyOf, type ReadableHistory, type State } from './readable-history.ts'
import type { Restatements } from './restatements.ts'
import { unreadIn } from './unread-bytes.ts'
import type { Watcher } from './watcher.ts'

/** Among the hexadecimal digits of a sort key such a number means nothing, nor between the parts of a position, where it is a place of the log. */
const TOKEN = /tok\d{6}x|(?<![\da-z~])7000\d{4}(?![\da-z])/g

/** In which states a person could read a token, if not in all between. */
export interface ReadableSpan {
  readonly first: State
  readonly last: State
}

/** What is known of one person, as one client saw it. */
export interface ReaderHistory extends Pick<Watcher, 'asked'>, Pick<LiveWorld, 'policies'> {
  readonly history: ReadableHistory
  /** Whoever may read it. */
  readonly all: ReadableHistory
  readonly trace: KeyTrace
  readonly restatements: Restatements
  /** The last state that there can have been when the frame came. */
  readonly now: State
  stateOf(entry: string): State
  readableIn(token: string): ReadableSpan | undefined
}

/** What in a frame nobody may tell this reader. */
export function leaksIn(frame: Frame, data: string, reader: ReaderHistory): string[] {
  const leaks = [...unreadIn(frame), ...unreadableTokens(frame, data, reader)]
  if (!('q' in frame) || frame.q === undefined) return leaks
  const query = reader.asked.get(frame.q)
  if (query === undefined) return [...leaks, 'a query that nobody asked']
  if (query.hidesKeys && keysIn(frame).some((key) => !KEYED_HASH.test(key))) leaks.push('a plain key')
  leaks.push(...reader.trace.foreignKeysIn(frame).map((key) => `the key ${key} of a row that the query did not have`))
  leaks.push(...reader.restatements.restatedIn(frame))
  if (!('at' in frame)) return leaks
  const at = reader.stateOf(frame.at)
  if (frame.event === 'changes') leaks.push(...leaksInChanges(frame, query, at, reader))
  const unreadable = (rows: readonly KeyedRow[], from: State, to: State): string[] =>
    rows
      .filter((row) => !reader.history.holds(row, from, to))
      .map(({ model, key, fields }) => `${model} ${key ?? ''} ${JSON.stringify([...fields])} of no state from ${from} to ${to},`)
  const since = Math.max(0, reader.trace.sinceOf(frame.q) ?? 0)
  const mostRows = (model: string, isInside: boolean): number => reader.history.mostRows(model, at, reader.now, isInside)
  return [
    ...leaks,
    ...leaksInCounts(frame, { schema: reader.policies.schema, query, mostRows }),
    ...unreadable(rowsOfValue(reader.policies.schema, frame, query), at, reader.now),
    ...unreadable(rowsNow(reader.policies.schema, frame, query), at, reader.now),
    ...unreadable(rowsBefore(reader.policies.schema, frame, query), since, at - 1),
  ]
}

function leaksInChanges(frame: Extract<Frame, { event: 'changes' }>, query: AskedQuery, at: State, reader: ReaderHistory): string[] {
  const { restatements, history, all } = reader
  const { schema, time } = reader.policies
  const untoldSince = (key: string | undefined): State => restatements.untoldSince(frame.q, key)
  const changes = changesIn(frame)
  const leaks = changeLeaks(changes, { schema, query, at, all, history, untoldSince: time === undefined ? untoldSince : undefined })
  for (const { fields } of rowsNow(schema, frame, query)) restatements.tell(frame.q, keyOf(fields), at)
  return leaks
}

function unreadableTokens(frame: Frame, data: string, { stateOf, readableIn }: ReaderHistory): string[] {
  const lastReadable = (token: string): State => readableIn(token)?.last ?? -1
  const unreadable = (tokens: readonly string[], from: State): string[] =>
    tokens.filter((token) => lastReadable(token) < from).map((token) => `${token} of state ${lastReadable(token)} in one of state ${from},`)
  const earlier = new Set(frame.event === 'changes' ? tokensOf(data) : [])
  const now = new Set(tokensOf(frame.event === 'changes' ? JSON.stringify(frame.changes.map(afterOf)) : data))
  const before = [...earlier].filter((token) => !now.has(token))
  return [...unreadable(before, 0), ...unreadable([...now], 'at' in frame ? stateOf(frame.at) : 0)]
}

/** As often as each was read. */
export function tokensOf(text: string): string[] {
  return text.match(TOKEN) ?? []
}

/** 22 characters; rows of equal content are told apart by a number behind it. */
const KEYED_HASH = /^[\w-]{22}(#\d+)?$/
