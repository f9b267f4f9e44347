import { createSseDecoder, decodeFrame } from '@zenstack-live/protocol'
import { progress } from '../command.ts'
import type { Answer } from './client-network.ts'
import { createDatabaseHistory, type DatabaseHistory } from './database-history.ts'
import { leaksIn, tokensOf, type ReadableSpan, type ReaderHistory } from './frame-leaks.ts'
import type { LiveWorld } from './live-world.ts'
import { createKeyTrace } from './key-trace.ts'
import { EVERYBODY, type DatabaseState, type Readable } from './observed-commits.ts'
import { createRestatements } from './restatements.ts'
import type { SeenRow } from './rows-in.ts'
import type { UserId } from './studio.ts'
import { isErrorBody, isLineRead } from './unread-bytes.ts'
import type { Watcher } from './watcher.ts'

/*
 * What was sent is held against what each person could read, state by state. A frame names the transaction it carries: each row in it,
 * with all its fields and what its place tells of them, must be as the reader could read it in the state after it, or in a later one
 * that there was when it came. Only what a change was before (`$changes`) may be of an earlier one.
 *
 * Beside the rows, everything is looked through for texts and numbers that were written once only.
 */

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
  const readable = new Map<UserId, Map<string, ReadableSpan>>(EVERYBODY.map((user) => [user, new Map()]))

  let last: DatabaseState | undefined
  let checks = 0

  return {
    history,
    note(noted) {
      for (const state of noted) {
        history.note(state)
        for (const [user, text] of state.readable) {
          const spans = readable.get(user)
          for (const token of tokensOf(text)) spans?.set(token, { first: spans.get(token)?.first ?? history.last, last: history.last })
        }
        last = state
      }
    },
    async check() {
      const user = EVERYBODY[checks++ % EVERYBODY.length] ?? 'nobody'
      const mayRead = await commits.askAnew(user)
      // A state holds what could be read at any moment of it.
      const others =
        policies.time === undefined
          ? differing(last?.rows.get(user) ?? [], mayRead.seen)
          : mayRead.seen.filter((row) => !history.of(user).holds(row, history.last, history.last)).map(textOfRow)
      if (others.length > 0) throw new Error(`${user} may read what was not noted, or not what was: ${others.slice(0, 10).join(', ')}.`)
      return mayRead
    },
    countLeaks({ answers, asked }) {
      const traces = new Map<UserId, Traces>()
      let leaks = 0
      for (const { user, chunks } of answers) {
        const own = traces.get(user) ?? tracesOf(history, user)
        traces.set(user, own)
        own.trace.begin()
        own.restatements.begin()
        const readableIn = (token: string): ReadableSpan | undefined => readable.get(user)?.get(token)
        const reader = { ...own, policies, stateOf: history.stateOf, readableIn, history: history.of(user), all: history.all, asked }
        for (const { what, where } of leaksInAnswer(chunks, (begun) => ({ ...reader, now: begun - begunBefore - 1 }))) {
          leaks++
          if (leaks <= 3) progress(`LEAK to ${user}: ${what} in ${where.slice(0, 1_500)}`)
        }
      }
      return leaks
    },
  }
}

/** As often as each is there: rows of one side alone. */
function differing(noted: readonly SeenRow[], asked: readonly SeenRow[]): string[] {
  const counts = new Map<string, number>()
  for (const text of noted.map(textOfRow)) counts.set(text, (counts.get(text) ?? 0) + 1)
  for (const text of asked.map(textOfRow)) counts.set(text, (counts.get(text) ?? 0) - 1)
  return [...counts].flatMap(([text, count]) => (count === 0 ? [] : [`${count > 0 ? 'noted' : 'asked'} ${text}`]))
}

function textOfRow({ model, fields, isInside }: SeenRow): string {
  return `${model}${isInside ? ' inside' : ''} ${JSON.stringify([...fields].toSorted(([a], [b]) => (a < b ? -1 : 1)))}`
}

/** What one person was told so far on one client. */
type Traces = Pick<ReaderHistory, 'trace' | 'restatements'>

function tracesOf({ stateOf, of }: DatabaseHistory, user: UserId): Traces {
  const mine = of(user)
  return { trace: createKeyTrace({ stateOf, wasReadable: (...row) => mine.hasKey(...row) }), restatements: createRestatements({ stateOf }) }
}

interface Leak {
  readonly what: string
  readonly where: string
}

function leaksInAnswer(chunks: Answer['chunks'], readerAt: (begun: number) => ReaderHistory): Leak[] {
  const decoder = createSseDecoder()
  const whole = chunks.map(({ text }) => text).join('')
  const isStream = !whole.startsWith('{')
  let rest = ''
  const leaks = chunks.flatMap(({ text, begun }): Leak[] => {
    const reader = readerAt(begun)
    // A token may be cut by the end of a chunk, and by that of a line never.
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    const ofLines = lines.flatMap((line) => leaksInLine(line, reader, isStream).map((what): Leak => ({ what, where: line })))
    if (!isStream) return ofLines
    return [
      ...ofLines,
      ...decoder.feed(text).flatMap(({ event, data }): Leak[] => {
        const frame = data === undefined ? undefined : decodeFrame(event, data)
        if (frame === undefined || data === undefined) return []
        return leaksIn(frame, data, reader).map((what) => ({ what, where: JSON.stringify(frame) }))
      }),
    ]
  })
  const last = chunks.at(-1)
  const atEnd = last === undefined ? [] : unreadableTokens(rest, readerAt(last.begun))
  if (!isStream && !isErrorBody(whole)) atEnd.push('an answer that is no code with its sentence')
  return [...leaks, ...atEnd.map((what) => ({ what, where: whole }))]
}

function leaksInLine(line: string, reader: ReaderHistory, isStream: boolean): string[] {
  return [...(isStream && !isLineRead(line) ? ['a line that nobody reads'] : []), ...unreadableTokens(line, reader)]
}

/** Wherever they stand. */
function unreadableTokens(text: string, { readableIn, now }: ReaderHistory): string[] {
  const isUnreadable = (token: string): boolean => (readableIn(token)?.first ?? Number.POSITIVE_INFINITY) > now
  return tokensOf(text)
    .filter(isUnreadable)
    .map((token) => `${token}, which was never readable up to state ${now},`)
}
