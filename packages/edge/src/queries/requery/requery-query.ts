import { randomBytes } from 'node:crypto'
import { compareEntryIds, ERROR_CODES, errorCodeOf, LiveError, type Lsn, type ResetReason } from '@zenstack-live/protocol'
import { AnswerClock } from './answer-clock.ts'
import { rowsOfAnswer } from '../answer-rows.ts'
import { beginReader, endBeginning } from '../begin-reader.ts'
import type { DatabaseAnswer } from '../../database/asker.ts'
import { diffRows, type AnswerRow } from './diff-rows.ts'
import type { EdgeContext } from '../../edge-context.ts'
import { unseenOf } from '../../log/history.ts'
import type { Identity } from '../../identity/identity.ts'
import type { EdgeClient } from '../../identity/live-client.ts'
import type { LiveQuery, Reader } from '../live-query.ts'
import { observe } from '../../operations/histogram.ts'
import { countIn } from '../../operations/metrics.ts'
import { sees, type PgSnapshot } from '../../database/pg-snapshot.ts'
import type { Place } from '../../log/place.ts'
import type { PlannedQuery } from '../plan-query.ts'
import { FIRST_REQUERY_STATE, nextRequeryStep, type RequeryEvent } from './requery-state.ts'
import { isSameValue } from '../same-value.ts'
import { changeFrame, rowCount, snapshotFrames, type Result } from '../snapshot-frames.ts'
import { NO_HORIZON, type Ticket } from '../../streams/ticket.ts'
import { touches, type RowEffect, type Transaction } from '../../log/transaction.ts'
import type { Octets } from '../../streams/octets.ts'

interface Version {
  number: number
  /** Everything up to here that concerns the query is in it. */
  at: Place
  result: Result
  snapshot: PgSnapshot
  /** Everything shown was written before this place of the write-ahead log. */
  horizon: Lsn
  /** The whole as it was just made at a place. */
  frames?: { at: Place; octets: Octets[] } | undefined
}

export interface RequeryOptions {
  context: EdgeContext
  planned: PlannedQuery
  client: EdgeClient
  auth: Identity['auth']
  /** Its last reader left. */
  onDeserted(): void
}

/** Above this share of the rows, a difference costs more than the whole. */
const MAX_CHANGED_SHARE = 0.5
const MIN_CHANGES_FOR_WHOLE = 8

/** A query that the database answers anew when something it depends on changes. Its readers share each answer. */
export class RequeryQuery implements LiveQuery {
  readonly id = randomBytes(9).toString('base64url')
  readonly engine = 'requery'
  readonly mayBeBehind = true
  readonly #context: EdgeContext
  readonly #planned: PlannedQuery
  readonly #client: EdgeClient
  readonly #onDeserted: () => void
  readonly #readers = new Set<Reader>()
  /** Those who have nothing yet. */
  readonly #opening = new Set<Reader>()
  #version: Version | undefined
  #versions = 0
  /** Transactions that the present answer has not seen, oldest first. */
  #causes: Transaction[] = []
  /** Those that came last are not among them: there were too many. */
  #hasMoreCauses = false
  #state = FIRST_REQUERY_STATE
  #lastAskedAtMs = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  /** Where the time decides, the answer may change by itself. */
  readonly #clock: AnswerClock | undefined

  constructor(options: RequeryOptions) {
    this.#context = options.context
    this.#planned = options.planned
    this.#client = options.client
    this.#onDeserted = options.onDeserted
    const { context, planned, auth } = options
    const { timedRows } = planned
    if (planned.readsNow) this.#clock = new AnswerClock({ context, timedRows, auth, onTime: () => this.#step('wanted') })
  }

  get shape(): LiveQuery['shape'] {
    return this.#planned.shape
  }

  get tables(): ReadonlySet<string> {
    return this.#planned.tables
  }

  get behind(): Place | undefined {
    return this.#causes[0]?.before
  }

  open(reader: Reader): void {
    this.#readers.add(reader)
    this.#opening.add(reader)
    const version = this.#version
    if (version === undefined || this.#causes.length > 0 || this.#state.phase !== 'idle') return this.#step('wanted')
    // Nothing that concerns it has happened since.
    version.at = this.#context.hub.history.head
    this.#giveAll(reader, version)
  }

  resume(reader: Reader, ticket: Ticket, from: Place): void {
    this.#readers.add(reader)
    const version = this.#version
    // An id may have been sent before time changed the answer.
    if (ticket.follows !== this.id || version === undefined || this.#planned.readsNow) {
      return beginReader(reader, (isWanted) => this.#continueUntouched(reader, from, isWanted))
    }
    this.#opening.add(reader)
    if (this.#isHeldAt(from, version)) this.#give(reader, version, [])
    // What has been overtaken may be of a time when they were another.
    else if (this.#causes.length === 0) this.#giveAll(reader, version)
    else this.#step('wanted')
  }

  catchUp(reader: Reader): void {
    reader.isFlowing = true
    if (this.#version !== undefined && reader.version !== this.#version.number) this.#giveAll(reader, this.#version)
  }

  leave(reader: Reader): void {
    this.#opening.delete(reader)
    endBeginning(reader)
    if (!this.#readers.delete(reader) || this.#readers.size > 0) return
    clearTimeout(this.#timer)
    this.#clock?.stop()
    this.#keep(undefined)
    // A question may be on its way still: what becomes of it starts nothing.
    this.#step('deserted')
    this.#onDeserted()
  }

  onTransaction(transaction: Transaction, _effects: readonly RowEffect[], _isKeySetChanged: boolean): void {
    const version = this.#version
    // What lies behind the horizon was not shown, though after billions of transactions its id may look as if it had been.
    const isSeen =
      version !== undefined && transaction.xid !== 0 && transaction.place.lsn <= version.horizon && sees(version.snapshot, transaction.xid)
    if (isSeen && this.#context.guards.dropsSeen) return
    // The database has not answered for long. The memory of the log has the rest, while it reaches back.
    this.#hasMoreCauses ||= this.#causes.length >= this.#context.limits.maxPendingTransactions
    if (!this.#hasMoreCauses) this.#causes.push(transaction)
    this.#step('cause')
  }

  onReset(reason: ResetReason): void {
    this.#causes = []
    this.#hasMoreCauses = false
    this.#keep(undefined)
    for (const reader of this.#readers) {
      if (!this.#opening.has(reader)) reader.reset(reason)
      reader.isFlowing = false
      endBeginning(reader)
      this.#opening.add(reader)
    }
    this.#step('wanted')
  }

  #step(event: RequeryEvent): void {
    const pauses = { trailingMs: this.#context.limits.requeryTrailingMs, sinceAskedMs: performance.now() - this.#lastAskedAtMs }
    const { state, ask } = nextRequeryStep(this.#state, event, pauses)
    this.#state = state
    if (ask === 'now') void this.#ask()
    else if (ask !== undefined) {
      clearTimeout(this.#timer)
      this.#timer = setTimeout(() => this.#step('time'), ask.afterMs)
    }
  }

  async #ask(): Promise<void> {
    const { hub, metrics, tracing } = this.#context
    const { era } = hub
    const causesBefore = new Set(this.#causes)
    const span = tracing?.requery(this.#planned, this.#causes)
    this.#lastAskedAtMs = performance.now()
    if (this.#version !== undefined) metrics.requeries++
    try {
      const answer = await this.#context.ask(this.#client, this.#planned.question, () => this.#readers.size > 0)
      const result = rowsOfAnswer(this.#context, this.#planned, answer.value)
      const isStale = hub.era !== era
      if (isStale) this.#step('answered-stale')
      else this.#take(result, answer, causesBefore)
      if (this.#state.phase === 'idle') this.#clock?.set(answer.time)
      span?.end(isStale ? 'stale' : this.#version?.snapshot === answer.snapshot ? 'delivered' : 'too-early')
    } catch (error) {
      span?.fail(error)
      this.#failed(error as LiveError)
    }
  }

  #take(result: Result, { snapshot, horizon }: DatabaseAnswer, causesBefore: ReadonlySet<Transaction>): void {
    const { guards, metrics, hub, nudge } = this.#context
    // Nobody is left, and nobody comes: it was let go.
    if (this.#readers.size === 0) return
    const previous = this.#version
    if (previous === undefined) this.#requireRoom(result)
    if ((previous === undefined && guards.looksBehind) || this.#hasMoreCauses) {
      const causes = this.#withMissed(snapshot)
      if (causes === undefined && previous !== undefined) this.onReset('slow')
      if (causes === undefined) return this.#step('too-early')
      this.#causes = causes
      this.#hasMoreCauses = false
    }
    // Marks without a transaction (schema changes) are answered by what was asked after them.
    const unseen = this.#causes.filter((cause) => (cause.xid === 0 ? !causesBefore.has(cause) : !sees(snapshot, cause.xid)))
    if (guards.waitsForCause && previous !== undefined && unseen.some((cause) => causesBefore.has(cause))) {
      metrics.requeriesTooEarly++
      return this.#step('too-early')
    }
    const causes = guards.waitsForCause ? unseen : []
    const next: Version = { number: this.#versions + 1, at: causes[0]?.before ?? hub.history.head, result, snapshot, horizon }
    const change = previous === undefined ? 'whole' : difference(this.#planned, previous, next)
    if (previous !== undefined && change !== undefined && compareEntryIds(next.at.entry, previous.at.entry) <= 0) {
      // Time alone changed it, or a commit that the log does not hold yet: readers ignore what is not ahead of what they hold.
      nudge()
      return this.#step('too-early')
    }
    // What is left is in the same order.
    const oldest = this.#causes.find((cause, index) => cause !== causes[index])
    this.#causes = causes
    this.#versions++
    this.#keep(next)
    const isForAll = this.#deliver(previous, next, change)
    if (oldest !== undefined && oldest.committedAtMs > 0)
      observe(metrics.commitToAnswerSeconds, Math.max(0, Date.now() - oldest.committedAtMs) / 1000)
    this.#step(isForAll && this.#causes.length === 0 ? 'answered' : 'answered-stale')
  }

  /**
   * Causes, with the other transactions in the log that an answer does not show: they came before this query listened, or were too many.
   *
   * @returns `undefined` when memory does not reach back so far
   */
  #withMissed(snapshot: PgSnapshot): Transaction[] | undefined {
    const { history } = this.#context.hub
    const from = history.firstUnseen(snapshot)
    const transactions = from === undefined ? [] : history.after(from.entry)
    if (transactions === undefined) return undefined
    const known = new Set(this.#causes)
    const missed = unseenOf(transactions, snapshot).filter((one) => touches(one, this.#planned.tables) && !known.has(one))
    return [...missed, ...this.#causes].sort((a, b) => compareEntryIds(a.place.entry, b.place.entry))
  }

  #keep(version: Version | undefined): void {
    const { metrics } = this.#context
    if (this.#version !== undefined) metrics.rowsHeldNow -= rowCount(this.#version.result)
    if (version !== undefined) metrics.rowsHeldNow += rowCount(version.result)
    this.#version = version
  }

  /** Who has an answer already keeps it up to date, however long it grows: within the limits of one answer. */
  #requireRoom(result: Result): void {
    const { limits, metrics } = this.#context
    if (metrics.rowsHeldNow + rowCount(result) <= limits.maxHeldRows) return
    throw new LiveError(
      'overloaded',
      `All queries that are asked again hold ${limits.maxHeldRows} rows (maxHeldRows): there is no room for another answer.`,
    )
  }

  #failed(error: LiveError): void {
    // Somebody has an answer: it was given here, or elsewhere, and they go on from there.
    const isShown = this.#version !== undefined || this.#opening.size < this.#readers.size
    const isForNow = ERROR_CODES[errorCodeOf(error)].isRetryable && isShown
    this.#step(isForNow ? 'failed-for-now' : 'failed-for-good')
    if (isForNow) return
    this.#causes = []
    for (const reader of this.#readers) reader.fail(error)
  }

  /** @returns whether nobody waits for another answer */
  #deliver(previous: Version | undefined, next: Version, change: Octets | 'whole' | undefined): boolean {
    let whole: Octets[] | undefined
    let isForAll = true
    for (const reader of this.#readers) {
      const isOpening = this.#opening.has(reader)
      if (!reader.isFlowing && !isOpening) continue
      if (isOpening && !reader.mayTake(next.snapshot)) {
        isForAll = false
        continue
      }
      if (isOpening || change === 'whole' || reader.version !== previous?.number) {
        whole ??= this.#frames(next)
        this.#give(reader, next, whole)
        continue
      }
      if (change !== undefined) reader.push(change)
      reader.version = next.number
    }
    return isForAll
  }

  #giveAll(reader: Reader, version: Version): void {
    this.#give(reader, version, this.#frames(version))
  }

  #give(reader: Reader, version: Version, frames: readonly Octets[]): void {
    for (const frame of frames) reader.push(frame)
    reader.version = version.number
    if (!this.#opening.delete(reader)) return
    if (frames.length > 0) countIn(this.#context.metrics.snapshots, 'opening')
    reader.isFlowing = true
    reader.ready(version.at, NO_HORIZON, this)
  }

  /** Made once for all who come in one turn of the event loop: after a deploy they are many. */
  #frames(version: Version): Octets[] {
    if (version.frames?.at === version.at) return version.frames.octets
    const octets = snapshotFrames(this.#planned.q, version.at, version.result, this.#context.limits.snapshotRowsPerFrame)
    version.frames = { at: version.at, octets }
    setImmediate(() => (version.frames = undefined))
    return octets
  }

  /**
   * Whether a reader at a place has this version: it shows all that concerns it up to there, and nothing beyond. Ids never pass what was not
   * delivered, so its reader has that much; but what is shown before the log comes to it is not told again, and who was elsewhere lacks it.
   */
  #isHeldAt(place: Place, { horizon }: Version): boolean {
    const [cause] = this.#causes
    return horizon <= place.lsn && (cause === undefined || compareEntryIds(cause.place.entry, place.entry) > 0)
  }

  /** From a place elsewhere: goes on when nothing it depends on has changed since, and shows the whole when something has. */
  async #continueUntouched(reader: Reader, from: Place, isWanted: () => boolean): Promise<void> {
    const { hub } = this.#context
    await hub.passed(from.lsn)
    await hub.since(from.entry, (missed) => {
      if (!isWanted()) return
      endBeginning(reader)
      if (missed === undefined) reader.reset('gap')
      const isTouched = missed === undefined || this.#planned.readsNow || missed.some((one) => touches(one, this.#planned.tables))
      const { head } = hub.history
      const version = this.#version
      if (isTouched || (version !== undefined && !this.#isHeldAt(head, version))) return this.open(reader)
      // Elsewhere it may have been shown what the log comes to only later: what it holds is what this answer says, or what the next will.
      reader.version = undefined
      reader.isFlowing = true
      reader.ready(head, NO_HORIZON, this)
    })
  }
}

/** The change frame between two answers; `undefined` when they are the same, `whole` when the whole is shorter. */
function difference(planned: PlannedQuery, previous: Version, next: Version): Octets | 'whole' | undefined {
  const [old, now] = [previous.result, next.result]
  if (old.shape === 'value' || now.shape === 'value') {
    if (old.shape !== now.shape) return 'whole'
    const value = now.shape === 'value' ? now.value : undefined
    const before = old.shape === 'value' ? old.value : undefined
    return isSameValue(before, value) ? undefined : changeFrame(planned.q, next.at, [{ op: 'value', value }])
  }
  // Rows of an answer are records.
  const operations = diffRows(old.rows as AnswerRow[], now.rows as AnswerRow[])
  if (operations?.length === 0) return undefined
  if (operations === undefined) return 'whole'
  const isMost = operations.length > MIN_CHANGES_FOR_WHOLE && operations.length > now.rows.length * MAX_CHANGED_SHARE
  return isMost ? 'whole' : changeFrame(planned.q, next.at, operations)
}
