import { randomBytes } from 'node:crypto'
import type { InterestContext, Reach, Verdict } from '@zenstack-live/access'
import { tableKey, type StoredRow } from '@zenstack-live/model'
import type { LiveError, Lsn, ResetReason, ResultOperation, SnapshotRow } from '@zenstack-live/protocol'
import { rowsOfAnswer } from '../answer-rows.ts'
import type { DatabaseAnswer, Question } from '../../database/asker.ts'
import type { EdgeContext } from '../../edge-context.ts'
import { unseenOf } from '../../log/history.ts'
import type { Identity } from '../../identity/identity.ts'
import { beginReader, endBeginning } from '../begin-reader.ts'
import { applyOperations, decideEffects } from './incremental-decide.ts'
import { incrementalTables, type IncrementalPlan } from './incremental-plan.ts'
import { knownKeySets, type KeySetHolder } from './key-set-holder.ts'
import type { LiveQuery, Reader } from '../live-query.ts'
import { MostlyOne } from '../mostly-one.ts'
import type { MemoryTies, TiedQuery } from '../memory-ties.ts'
import { countIn } from '../../operations/metrics.ts'
import { sees, type PgSnapshot } from '../../database/pg-snapshot.ts'
import { earlier, type Place } from '../../log/place.ts'
import type { PlannedQuery } from '../plan-query.ts'
import type { LastVerdict } from './row-kinds.ts'
import { changeFrame, snapshotFrames } from '../snapshot-frames.ts'
import { replayEffects } from './replay-effects.ts'
import { isTicketGoodAt, NO_HORIZON, orderOf, type Ticket } from '../../streams/ticket.ts'
import { netEffects, type RowEffect, type Transaction } from '../../log/transaction.ts'
import type { Octets } from '../../streams/octets.ts'
import { within } from '../../within.ts'

export interface IncrementalOptions extends MemoryTies {
  context: EdgeContext
  planned: PlannedQuery
  plan: IncrementalPlan
  identity: Identity
}

interface Opened {
  rows: SnapshotRow[]
  at: Place
  /** What the database showed; `undefined` when it was not asked. */
  snapshot: PgSnapshot | undefined
  horizon: Lsn
}

/** `unknown`: the rows have to be read again. */
type Operations = ResultOperation[] | 'unknown'

const MAX_PAUSE_MS = 500
/** How long a reader that goes on waits for a log that is behind its memberships; then it is given the whole. */
const LOG_PATIENCE_MS = 2_000

/**
 * A query that memory decides: it holds no rows, only readers. Each change is judged by the row before it and after it; the
 * database is asked once per opening, and again only where memory cannot tell.
 */
export class IncrementalQuery implements TiedQuery {
  // First what each change looks at.
  /** The only reader, where there is one: thousands of queries have one each, and to fetch it by way of the set is a tenth of what deciding costs. */
  #only: Reader | undefined
  readonly #context: EdgeContext
  readonly #planned: PlannedQuery
  readonly #plan: IncrementalPlan
  /** Whom it judges for, and what they were told last. No plan that memory decides reads the time. */
  readonly #decision: InterestContext & LastVerdict
  readonly #table: string
  readonly #readers = new MostlyOne<Reader>()
  readonly #opening = new MostlyOne<Reader>()
  readonly #identity: Identity
  readonly #keySets: readonly KeySetHolder[]
  readonly #onInterest: MemoryTies['onInterest']
  readonly #onDeserted: () => void
  readonly tables: ReadonlySet<string>
  readonly id = randomBytes(9).toString('base64url')
  readonly engine = 'incremental'
  readonly mayBeBehind = false
  readonly behind = undefined
  #isAsking = false

  constructor({ context, planned, plan, identity, keySets, onInterest, onDeserted }: IncrementalOptions) {
    this.#context = context
    this.#planned = planned
    this.#plan = plan
    this.#identity = identity
    this.#keySets = keySets
    this.#onInterest = onInterest
    this.#onDeserted = onDeserted
    this.#table = tableKey(plan.rows.model.table)
    this.tables = incrementalTables(plan)
    this.#decision = { auth: identity.auth, now: 0, keySets: knownKeySets(keySets), kind: undefined, verdict: false }
  }

  get shape(): LiveQuery['shape'] {
    return this.#planned.shape
  }

  open(reader: Reader): void {
    this.#take(reader)
    this.#opening.add(reader)
    void this.#ask()
  }

  resume(reader: Reader, ticket: Ticket, from: Place): void {
    this.#take(reader)
    if (ticket.order !== orderOf(this.engine, this.#planned.question.operation) || !isTicketGoodAt(ticket, from))
      return this.#waitForAll([reader], 'position')
    const { horizon } = ticket
    beginReader(reader, (isWanted) => this.#replaySince(reader, { from, horizon, otherwise: 'gap', isReturning: true }, isWanted))
  }

  catchUp(reader: Reader, from: Place): void {
    const transactions = this.#context.hub.history.after(from.entry)
    if (transactions !== undefined) {
      this.#replay(reader, this.#operationsFor(reader, unseenOf(transactions, reader.seen?.snapshot)))
      return reader.forgetSeen()
    }
    reader.wait()
    const horizon = reader.seen?.horizon ?? NO_HORIZON
    beginReader(reader, (isWanted) => this.#replaySince(reader, { from, horizon, otherwise: 'slow', isReturning: false }, isWanted))
  }

  leave(reader: Reader): void {
    this.#opening.delete(reader)
    endBeginning(reader)
    const wasThere = this.#readers.delete(reader)
    this.#only = this.#readers.only
    if (wasThere && this.#readers.size === 0) this.#onDeserted()
  }

  onTransaction(transaction: Transaction, effects: readonly RowEffect[], isKeySetChanged: boolean): void {
    const { unknown } = transaction
    // Nearly always nothing is: looking the table up in an empty map would take as long as judging.
    const reason = unknown.size === 0 ? undefined : unknown.get(this.#table)
    // Who is held may have been shown it by their snapshot, and go on from there: with the rows that can concern them now.
    if (isKeySetChanged && this.#flowing().length < this.#readers.size) this.#onInterest(this, this.#plan.interestOf(this.#decision))
    if (reason !== undefined || isKeySetChanged) return this.#waitForAll(this.#flowing(), reason)
    const context = this.#context
    context.metrics.rowsDecided += effects.length
    const frame = context.framesOf(this.#planned, this.#plan, transaction)(effects, this.#decision, this.#decision)
    if (frame === 'ask-database') return this.#waitForAll(this.#flowing())
    if (frame === undefined) return
    if (this.#only !== undefined) this.#tell(this.#only, transaction, frame)
    else this.#tellAll(transaction, frame)
  }

  onReset(reason: ResetReason): void {
    this.#waitForAll(this.#readers.toArray(), reason)
  }

  readers(): readonly Reader[] {
    return this.#readers.toArray()
  }

  #take(reader: Reader): void {
    this.#readers.add(reader)
    this.#only = this.#readers.only
  }

  /** By itself: a function whose closure holds `this` or a parameter makes a scope at each call. */
  #tellAll(transaction: Transaction, frame: Octets): void {
    this.#readers.forEach((reader) => this.#tell(reader, transaction, frame))
  }

  #tell(reader: Reader, transaction: Transaction, frame: Octets): void {
    if (reader.isFlowing && !this.#hasSeen(reader, transaction)) reader.push(frame)
  }

  #hasSeen(reader: Reader, transaction: Transaction): boolean {
    return reader.seen !== undefined && this.#context.guards.dropsSeen && transaction.xid !== 0 && sees(reader.seen.snapshot, transaction.xid)
  }

  #flowing(): Reader[] {
    return this.#readers.toArray().filter((reader) => reader.isFlowing)
  }

  /** What these transactions do to the result, taken together. */
  #operationsOf(transactions: readonly Transaction[], reduce: (effects: RowEffect[]) => RowEffect[] = netEffects): Operations {
    const [context, planned, plan] = [this.#context, this.#planned, this.#plan]
    if (transactions.some((one) => one.unknown.has(this.#table)) || this.#keySets.some((holder) => holder.isTouchedBy(transactions))) return 'unknown'
    const effects = reduce(transactions.flatMap((one) => one.effects.filter(({ model }) => model === plan.rows.model)))
    context.metrics.rowsDecided += effects.length
    const operations = decideEffects(context.keys, planned, plan, effects, this.#decision)
    return operations === 'ask-database' ? 'unknown' : operations
  }

  /** The same for a reader that missed them. */
  #operationsFor(reader: Reader, missed: readonly Transaction[]): Operations {
    const { hub, guards } = this.#context
    if (!this.#keySets.every((holder) => holder.isKnownAt(hub.history.head.lsn))) return 'unknown'
    if (!reader.mayBeAhead || !guards.replaysAll) return this.#operationsOf(missed)
    const isShown = (row: StoredRow): Verdict => this.#plan.rows.decide(row, this.#decision)
    return this.#operationsOf(missed, (effects) => replayEffects(effects, isShown))
  }

  /** Readers begin to wait for the whole result. */
  #waitForAll(readers: readonly Reader[], reason?: ResetReason): void {
    // Perhaps because a key set is another now.
    this.#decision.kind = undefined
    for (const reader of readers) {
      if (this.#opening.has(reader)) continue
      if (reason === undefined) reader.wait()
      else reader.reset(reason)
      reader.isFlowing = false
      endBeginning(reader)
      this.#opening.add(reader)
    }
    void this.#ask()
  }

  async #ask(): Promise<void> {
    if (this.#isAsking) return
    this.#isAsking = true
    try {
      for (let attempt = 0; this.#opening.size > 0; attempt++) {
        if (!(await this.#askOnce())) await new Promise((resolve) => setTimeout(resolve, Math.min(MAX_PAUSE_MS, 2 ** attempt)))
      }
    } catch (error) {
      this.#failed(error as LiveError)
    } finally {
      this.#isAsking = false
    }
  }

  /**
   * Joins the result with what the log already holds, and gives it. From the answer on nothing waits: a transaction that came
   * between the joining and the giving would be lost.
   *
   * @returns whether that could be done; if not, something keeps the two from meeting, and the database is asked again
   */
  async #askOnce(): Promise<boolean> {
    const [context, planned, plan, keySets] = [this.#context, this.#planned, this.#plan, this.#keySets]
    const { hub, guards } = context
    await Promise.all(keySets.map((holder) => holder.ready()))
    const { era } = hub
    const start = hub.history.head
    if (!keySets.every((holder) => holder.isReady)) return false
    const reach = plan.reachOf(this.#decision)
    if (reach.kind === 'none') {
      // As of the head, and by what it says alone: no snapshot was taken that could show more.
      this.#give({ rows: [], at: hub.history.head, snapshot: undefined, horizon: NO_HORIZON })
      return true
    }
    const generations = keySets.map(({ generation }) => generation)
    const answer = await this.#answerWithin(reach)
    const result = rowsOfAnswer(context, planned, answer.value, { exactTimes: answer.exactTimes })
    const from = guards.looksBehind ? earlier(hub.history.firstUnseen(answer.snapshot), start) : hub.history.head
    const transactions = hub.history.after(from.entry)
    // Keys that were forgotten since are not known, and read again they may be newer than the answer.
    const areKeysOlder = keySets.every(({ generation }, index) => generation === generations[index])
    if (hub.era !== era || transactions === undefined || result.shape === 'value' || !areKeysOlder) return false
    const operations = this.#operationsOf(guards.dropsSeen ? unseenOf(transactions, answer.snapshot) : transactions)
    if (operations === 'unknown') return false
    this.#give({ rows: applyOperations([...result.rows], operations), at: hub.history.head, snapshot: answer.snapshot, horizon: answer.horizon })
    return true
  }

  /** Where one question can show that many queries are empty, it is asked first, once for all of them. */
  async #answerWithin(reach: Reach): Promise<DatabaseAnswer> {
    const [context, planned, identity] = [this.#context, this.#planned, this.#identity]
    if (reach.kind === 'other-rules') {
      const question: Question = { model: planned.model.name, operation: 'exists', args: { where: reach.where } }
      // A client may be sliced to have no such operation: then each is asked what it asked itself.
      const answer = await context.askShared(identity, question).catch(() => undefined)
      if (answer?.value === false) return { ...answer, value: [] }
    }
    return context.ask(identity.client, planned.question, () => this.#readers.size > 0)
  }

  #give(opened: Opened): void {
    const [context, planned] = [this.#context, this.#planned]
    // Whoever asked has left: an interest that came now would stay.
    if (this.#opening.size === 0) return
    const shape = planned.shape === 'row' ? 'row' : 'rows'
    const frames = snapshotFrames(planned.q, opened.at, { shape, rows: opened.rows }, context.limits.snapshotRowsPerFrame)
    this.#onInterest(this, this.#plan.interestOf(this.#decision))
    this.#opening.forEach((reader) => {
      this.#opening.delete(reader)
      for (const frame of frames) reader.push(frame)
      countIn(context.metrics.snapshots, 'opening')
      reader.seen = opened.snapshot === undefined ? undefined : { snapshot: opened.snapshot, horizon: opened.horizon }
      reader.mayBeAhead = false
      reader.isFlowing = true
      reader.ready(opened.at, opened.horizon, this)
    })
  }

  #failed(error: LiveError): void {
    const waiting = this.#opening.toArray()
    for (const reader of waiting) this.#opening.delete(reader)
    for (const reader of waiting) reader.fail(error)
  }

  /**
   * Gives what happened since; begins anew where memory cannot tell.
   *
   * @param onGoingOn - called before anything is given, when it need not begin anew
   */
  #replay(reader: Reader, operations: Operations, onGoingOn: () => void = () => {}): void {
    if (operations === 'unknown') return this.#waitForAll([reader])
    // Made first: who cannot be told fails, and does not go on without it.
    const frame = operations.length === 0 ? undefined : changeFrame(this.#planned.q, this.#context.hub.history.head, operations)
    endBeginning(reader)
    reader.isFlowing = true
    onGoingOn()
    if (frame !== undefined) reader.push(frame)
  }

  /**
   * @param since - `otherwise`: why it begins anew where neither memory nor the log reaches back so far; `isReturning`: it was away, and nobody asked
   * meanwhile who it belongs to
   */
  async #replaySince(
    reader: Reader,
    { from, horizon, otherwise, isReturning }: { from: Place; horizon: Lsn; otherwise: ResetReason; isReturning: boolean },
    isWanted: () => boolean,
  ): Promise<void> {
    const [context, plan] = [this.#context, this.#plan]
    reader.mayBeAhead = true
    await Promise.all([
      ...this.#keySets.map((holder) => within(holder.atHead(), LOG_PATIENCE_MS)),
      context.hub.passed(horizon),
      context.hub.passed(from.lsn),
    ])
    await context.hub.since(from.entry, (missed) => {
      if (!isWanted()) return
      if (missed === undefined) return this.#waitForAll([reader], otherwise)
      this.#onInterest(this, plan.interestOf(this.#decision))
      const operations = isReturning && reader.wasAnother(missed) ? 'unknown' : this.#operationsFor(reader, missed)
      reader.seen = undefined
      this.#replay(reader, operations, () => reader.ready(from, horizon, this))
    })
  }
}
