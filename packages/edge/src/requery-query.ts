import { randomBytes } from 'node:crypto'
import { compareEntryIds, ERROR_CODES, errorCodeOf, LiveError, type Lsn, type ResetReason } from '@zenstack-live/protocol'
import { rowsOfAnswer } from './answer-rows.ts'
import type { DatabaseAnswer } from './asker.ts'
import { diffRows, type AnswerRow } from './diff-rows.ts'
import type { EdgeContext } from './edge-context.ts'
import { unseenOf } from './history.ts'
import type { EdgeClient } from './live-client.ts'
import type { LiveQuery, Reader } from './live-query.ts'
import { countIn } from './metrics.ts'
import { sees, type PgSnapshot } from './pg-snapshot.ts'
import type { Place } from './place.ts'
import type { PlannedQuery } from './plan-query.ts'
import { FIRST_REQUERY_STATE, nextRequeryStep, type RequeryEvent } from './requery-state.ts'
import { isSameValue } from './same-value.ts'
import { changeFrame, snapshotFrames, type Result } from './snapshot-frames.ts'
import type { Ticket } from './ticket.ts'
import { touches, type Transaction } from './transaction.ts'

interface Version {
  number: number
  /** Everything up to here that concerns the query is in it. */
  at: Place
  result: Result
  snapshot: PgSnapshot
}

/** Above this share of the rows, a difference costs more than the whole. */
const MAX_CHANGED_SHARE = 0.5
const NO_HORIZON = 0n as Lsn

/**
 * A query that the database answers anew when something it depends on changes. Its readers share each answer.
 *
 * @param onAnswered - readers have been given something, or may be moved on
 * @param onDeserted - its last reader left
 */
export function createRequeryQuery(
  context: EdgeContext,
  planned: PlannedQuery,
  client: EdgeClient,
  onAnswered: (readers: Iterable<Reader>) => void,
  onDeserted: () => void,
): LiveQuery {
  const { hub, limits, metrics, guards } = context
  const id = randomBytes(9).toString('base64url')
  const readers = new Set<Reader>()
  /** Those who have nothing yet. */
  const opening = new Set<Reader>()
  let version: Version | undefined
  let versions = 0
  /** Transactions that the present answer has not seen, oldest first. */
  let causes: Transaction[] = []
  let state = FIRST_REQUERY_STATE
  let lastAskedAtMs = Number.NEGATIVE_INFINITY
  let cancelTimer = (): void => {}

  const step = (event: RequeryEvent): void => {
    const pauses = { trailingMs: limits.requeryTrailingMs, sinceAskedMs: performance.now() - lastAskedAtMs }
    const next = nextRequeryStep(state, event, pauses)
    state = next.state
    if (next.ask === 'now') void ask()
    else if (next.ask !== undefined) {
      cancelTimer()
      const timer = setTimeout(() => step('time'), next.ask.afterMs)
      cancelTimer = () => clearTimeout(timer)
    }
  }

  const ask = async (): Promise<void> => {
    const { era } = hub
    const causesBefore = new Set(causes)
    lastAskedAtMs = performance.now()
    if (version !== undefined) metrics.requeries++
    let answer: DatabaseAnswer
    let result: Result
    try {
      answer = await context.asker.ask(client, planned.question)
      result = rowsOfAnswer(context, planned, answer.value)
    } catch (error) {
      return void failed(error as LiveError)
    }
    if (hub.era !== era) return step('answered-stale')
    if (readers.size === 0) return step('answered')
    if (version === undefined && guards.looksBehind) causes = missedBefore(answer.snapshot, causes)
    // Marks without a transaction (schema changes) are answered by what was asked after them.
    const unseen = causes.filter((cause) => (cause.xid === 0 ? !causesBefore.has(cause) : !sees(answer.snapshot, cause.xid)))
    if (guards.waitsForCause && version !== undefined && unseen.some((cause) => causesBefore.has(cause))) {
      metrics.requeriesTooEarly++
      return step('too-early')
    }
    causes = guards.waitsForCause ? unseen : []
    const previous = version
    version = { number: ++versions, at: causes[0]?.before ?? hub.history.head, result, snapshot: answer.snapshot }
    deliver(previous, version)
    step(causes.length === 0 ? 'answered' : 'answered-stale')
  }

  /** Transactions that were in the log before this query listened, and that its first answer does not show. */
  const missedBefore = (snapshot: PgSnapshot, known: Transaction[]): Transaction[] => {
    const from = hub.history.firstUnseen(snapshot)
    const transactions = from === undefined ? [] : (hub.history.after(from.entry) ?? [])
    const missed = unseenOf(transactions, snapshot).filter((one) => concerns(one) && !known.includes(one))
    return [...missed, ...known].sort((a, b) => compareEntryIds(a.place.entry, b.place.entry))
  }

  const failed = (error: LiveError): void => {
    const isForNow = ERROR_CODES[errorCodeOf(error)].isRetryable && version !== undefined
    if (isForNow) return step('failed-for-now')
    step('failed-for-good')
    for (const reader of readers) reader.fail(error)
    causes = []
  }

  const deliver = (previous: Version | undefined, next: Version): void => {
    const change = previous === undefined ? undefined : difference(planned, previous, next)
    const shared: { snapshot?: Buffer[] } = {}
    for (const reader of readers) {
      const isOpening = opening.has(reader)
      if (!reader.isFlowing && !isOpening) continue
      if (isOpening || previous === undefined || reader.version !== previous.number || change === 'whole') {
        shared.snapshot ??= snapshotFrames(planned.q, next.at, next.result, limits.snapshotRowsPerFrame)
        give(reader, next, shared.snapshot)
      } else {
        if (change !== undefined) reader.push(change)
        reader.version = next.number
      }
    }
    onAnswered(readers)
  }

  const give = (reader: Reader, next: Version, frames: readonly Buffer[]): void => {
    for (const frame of frames) reader.push(frame)
    reader.version = next.number
    if (!opening.delete(reader)) return
    if (frames.length > 0) countIn(metrics.snapshots, 'opening')
    reader.isFlowing = true
    reader.ready(next.at, NO_HORIZON, query)
  }

  const giveVersion = (reader: Reader, next: Version): void => {
    give(reader, next, snapshotFrames(planned.q, next.at, next.result, limits.snapshotRowsPerFrame))
    onAnswered([reader])
  }

  const concerns = (transaction: Transaction): boolean => touches(transaction, planned.tables)
  const isCurrent = (): boolean => version !== undefined && causes.length === 0 && state.phase === 'idle'

  const open = (reader: Reader): void => {
    readers.add(reader)
    opening.add(reader)
    if (version !== undefined && isCurrent()) {
      version = { ...version, at: hub.history.head }
      giveVersion(reader, version)
    } else step('wanted')
  }

  /** From a place elsewhere: goes on when nothing it depends on has changed since, and shows the whole when something does. */
  const continueUntouched = async (reader: Reader, from: Place): Promise<void> => {
    const { era } = hub
    const missed = hub.history.after(from.entry) ?? (await hub.readBack(from.entry))
    if (!readers.has(reader)) return
    if (missed === undefined || era !== hub.era) {
      reader.reset('gap')
      return open(reader)
    }
    // What was read back may have been overtaken; the rest is in memory.
    const last = missed.at(-1)?.place ?? from
    const newer = hub.history.after(last.entry) ?? []
    if (planned.readsNow || [...missed, ...newer].some(concerns)) return open(reader)
    reader.version = undefined
    reader.isFlowing = true
    reader.ready(hub.history.head, NO_HORIZON, query)
    onAnswered([reader])
  }

  const query: LiveQuery = {
    id,
    engine: 'requery',
    shape: planned.shape,
    tables: planned.tables,
    get behind() {
      return causes[0]?.before
    },
    open,
    resume(reader: Reader, ticket: Ticket, from: Place) {
      readers.add(reader)
      if (ticket.follows !== id || version === undefined) return void continueUntouched(reader, from)
      opening.add(reader)
      if (compareEntryIds(version.at.entry, from.entry) > 0) return giveVersion(reader, version)
      give(reader, version, [])
      onAnswered([reader])
    },
    catchUp(reader) {
      reader.isFlowing = true
      if (version !== undefined && reader.version !== version.number) giveVersion(reader, version)
    },
    leave(reader) {
      opening.delete(reader)
      if (!readers.delete(reader) || readers.size > 0) return
      cancelTimer()
      onDeserted()
    },
    onTransaction(transaction) {
      if (version !== undefined && guards.dropsSeen && transaction.xid !== 0 && sees(version.snapshot, transaction.xid)) return
      causes.push(transaction)
      // Without an answer nobody holds anything that could be wrong, but for those who came with their own.
      step('cause')
    },
    onReset(reason: ResetReason) {
      causes = []
      version = undefined
      for (const reader of readers) {
        if (reader.isFlowing) reader.reset(reason)
        reader.isFlowing = false
        opening.add(reader)
      }
      step('wanted')
    },
  }
  return query
}

/** The change frame between two answers; `undefined` when they are the same, `whole` when the whole is shorter. */
function difference(planned: PlannedQuery, previous: Version, next: Version): Buffer | 'whole' | undefined {
  if (next.result.shape === 'value' || previous.result.shape === 'value') {
    const value = next.result.shape === 'value' ? next.result.value : undefined
    const old = previous.result.shape === 'value' ? previous.result.value : undefined
    return isSameValue(old, value) ? undefined : changeFrame(planned.q, next.at, [{ op: 'value', value }])
  }
  const rows = next.result.rows as AnswerRow[]
  const operations = diffRows(previous.result.rows as AnswerRow[], rows)
  if (operations.length === 0) return undefined
  return operations.length > 8 && operations.length > rows.length * MAX_CHANGED_SHARE ? 'whole' : changeFrame(planned.q, next.at, operations)
}
