import { randomBytes } from 'node:crypto'
import type { DecisionContext, InterestContext, ListableKeySets } from '@zenstack-live/access'
import { keyOfRow, rowKeyOfRecord, tableKey, type Model, type StoredRow } from '@zenstack-live/model'
import { compareEntryIds, type LiveError, type ResetReason, type RowChange } from '@zenstack-live/protocol'
import { askUntilSeen } from '../../database/ask-until-seen.ts'
import type { Question } from '../../database/asker.ts'
import { isReadAlike, isWorthAsking, judgeAsked, judgeChange, type AskedRow } from './changes-judge.ts'
import type { ChangesPlan } from './changes-plan.ts'
import { beginReader, endBeginning } from '../begin-reader.ts'
import type { EdgeContext } from '../../edge-context.ts'
import { frameOctets } from '../../streams/frame-chunks.ts'
import type { Identity } from '../../identity/identity.ts'
import { knownKeySets } from '../incremental/key-set-holder.ts'
import type { Reader } from '../live-query.ts'
import type { MemoryTies, TiedQuery } from '../memory-ties.ts'
import type { Place } from '../../log/place.ts'
import { serializeResult } from '../../requests/serialize-result.ts'
import { NO_HORIZON, type Ticket } from '../../streams/ticket.ts'
import { netEffects, type RowEffect, type Transaction } from '../../log/transaction.ts'

export interface ChangesOptions extends MemoryTies {
  context: EdgeContext
  plan: ChangesPlan
  identity: Identity
  /** Whether memory can decide for this identity. */
  isLocal: boolean
}

/** What waits to be told, in the order of the log. */
interface Pending {
  /** The frame names it. */
  readonly at: Place
  /** Before it, everything has been told. */
  readonly before: Place
  readonly readers: Set<Reader>
  /** Rows of which the database has to say who may read them stand between those that memory decided. */
  readonly items: readonly (RowChange | RowEffect)[]
  readonly date: string
  /** An answer counts when it has seen these. */
  readonly causes: readonly Transaction[]
}

const ROWS_PER_QUESTION = 500

/** Tells changes of rows as they happen, each once. What happened while a reader was away comes as one change per row. */
export class ChangesQuery implements TiedQuery {
  readonly id = randomBytes(9).toString('base64url')
  readonly engine = 'incremental'
  readonly mayBeBehind = true
  readonly shape = 'rows'
  readonly #options: ChangesOptions
  readonly #table: string
  readonly #known: ListableKeySets
  readonly #readers = new Set<Reader>()
  /** What readers that were held have not been told, though it was released. */
  readonly #missedFrom = new Map<Reader, Place>()
  #pending: Pending[] = []
  #isWorking = false

  constructor(options: ChangesOptions) {
    this.#options = options
    this.#table = tableKey(options.plan.model.table)
    this.#known = knownKeySets(options.keySets)
  }

  get tables(): ReadonlySet<string> {
    return this.#options.plan.tables
  }

  get behind(): Place | undefined {
    return this.#pending[0]?.before
  }

  open(reader: Reader): void {
    this.#readers.add(reader)
    beginReader(reader, (isWanted) => this.#begin(reader, isWanted))
  }

  resume(reader: Reader, _ticket: Ticket, from: Place): void {
    this.#readers.add(reader)
    beginReader(reader, (isWanted) => this.#replaySince(reader, { from, otherwise: 'gap', isReturning: true }, isWanted))
  }

  catchUp(reader: Reader, held: Place): void {
    const from = [this.#missedFrom.get(reader), ...this.#pending.filter(({ readers }) => readers.has(reader)).map(({ before }) => before)].reduce(
      (least: Place, place) => (place !== undefined && compareEntryIds(place.entry, least.entry) < 0 ? place : least),
      held,
    )
    this.#forget(reader)
    endBeginning(reader)
    const missed = this.#options.context.hub.history.after(from.entry)
    if (missed !== undefined) return this.#replay(reader, missed, from)
    reader.wait()
    beginReader(reader, (isWanted) => this.#replaySince(reader, { from, otherwise: 'slow', isReturning: false }, isWanted))
  }

  leave(reader: Reader): void {
    this.#forget(reader)
    endBeginning(reader)
    if (this.#readers.delete(reader) && this.#readers.size === 0) this.#options.onDeserted()
  }

  onTransaction(transaction: Transaction, effects: readonly RowEffect[], isKeySetChanged: boolean): void {
    const { plan, keySets } = this.#options
    const flowing = [...this.#readers].filter((reader) => reader.isFlowing)
    const reason = transaction.unknown.get(this.#table)
    if (reason !== undefined) return this.#restart(flowing, reason)
    if (!keySets.every((holder) => holder.isReady)) return this.#restart(flowing, 'gap')
    if (isKeySetChanged) this.#options.onInterest(this, plan.interestOf(this.#interestContext()))
    const own = (isKeySetChanged ? transaction.effects : effects).filter(({ model }) => model === plan.model)
    // Whom memberships reach is known as it is now, not as it was before this transaction.
    const stoodUntilMs = isKeySetChanged ? undefined : transaction.committedAtMs
    this.#enqueue({
      ...this.#judge(own, transaction, () => stoodUntilMs),
      at: transaction.place,
      before: transaction.before,
      readers: new Set(flowing),
      causes: [transaction],
    })
  }

  onReset(reason: ResetReason): void {
    this.#pending = []
    this.#restart([...this.#readers], reason)
  }

  readers(): readonly Reader[] {
    return [...this.#readers]
  }

  /**
   * Decides what memory can decide; rows that the database is asked about are left as they are.
   *
   * @param stoodUntilMs - how long the state before stood: when it is judged; `undefined` where it cannot be
   */
  #judge(
    effects: readonly RowEffect[],
    { committedAtMs }: Transaction,
    stoodUntilMs: (effect: RowEffect) => number | undefined,
  ): Pick<Pending, 'items' | 'date'> {
    const { plan, identity, isLocal } = this.#options
    const date = new Date(committedAtMs).toISOString()
    const contextAt = (now: number): DecisionContext => ({ auth: identity.auth, now, keySets: this.#known })
    const context = contextAt(committedAtMs)
    // Live, all stood until the same moment: that of this commit.
    const contextUntil = (ms: number | undefined): DecisionContext | undefined =>
      ms === undefined ? undefined : ms === committedAtMs ? context : contextAt(ms)
    const items: (RowChange | RowEffect)[] = []
    this.#options.context.metrics.rowsDecided += effects.length
    for (const effect of effects) {
      const verdict = isLocal ? judgeChange(plan, effect, { context, contextBefore: contextUntil(stoodUntilMs(effect)), date }) : 'ask-database'
      if (verdict === 'ask-database') {
        if (isWorthAsking(plan, effect, context)) items.push(effect)
      } else if (verdict !== undefined) items.push(verdict)
    }
    return { items, date }
  }

  #enqueue(pending: Pending): void {
    if (pending.items.length === 0 || pending.readers.size === 0) return
    const changes = pending.items.filter((item): item is RowChange => 'type' in item)
    if (this.#pending.length === 0 && changes.length === pending.items.length) return this.#tell(pending, changes)
    this.#pending.push(pending)
    if (this.#pending.length <= this.#options.context.limits.maxPendingTransactions) return void this.#work()
    this.#restart([...this.#readers], 'slow')
  }

  async #work(): Promise<void> {
    if (this.#isWorking) return
    this.#isWorking = true
    try {
      for (let next = this.#pending[0]; next !== undefined; next = this.#pending[0]) {
        const changes = await this.#settle(next)
        // Given up meanwhile: its readers began anew.
        if (this.#pending[0] !== next) continue
        this.#pending.shift()
        if (changes === undefined) this.#restart([...next.readers], 'slow')
        else this.#tell(next, changes)
      }
    } catch (error) {
      this.#pending = []
      for (const reader of this.#readers) reader.fail(error as LiveError)
    } finally {
      this.#isWorking = false
    }
  }

  /** Asks who may read the rows that memory could not judge. @returns `undefined` when memory no longer knows what became of them meanwhile */
  async #settle(pending: Pending): Promise<RowChange[] | undefined> {
    const { plan } = this.#options
    const asked = pending.items.filter((item): item is RowEffect => 'key' in item)
    const rows = new Map<string, AskedRow>()
    for (let from = 0; from < asked.length; from += ROWS_PER_QUESTION) {
      const answered = await this.#askAbout(pending, asked.slice(from, from + ROWS_PER_QUESTION))
      if (answered === undefined) return undefined
      for (const [key, row] of answered) rows.set(key, row)
    }
    return pending.items.flatMap((item): RowChange[] => {
      if ('type' in item) return [item]
      const row = rows.get(item.key)
      const change = row === undefined ? undefined : judgeAsked(plan, item, row, pending.date)
      return change === undefined ? [] : [change]
    })
  }

  /** A row that has moved on is left out where nobody can say any more who could read it as it was. */
  async #askAbout({ causes, readers }: Pending, asked: readonly RowEffect[]): Promise<Map<string, AskedRow> | undefined> {
    const { context, plan, identity } = this.#options
    const { model } = plan
    const where = { OR: asked.map(({ after }) => keyOfRow(model, after ?? {})) }
    const select = Object.fromEntries([...plan.askedFields].map((name) => [name, true]))
    const question: Question = { model: model.name, operation: 'findMany', args: { where, select } }
    const answer = await askUntilSeen(context, identity.client, question, causes, () => readers.size > 0)
    if (answer === undefined) return new Map()
    const last = causes.at(-1)
    const later = last === undefined ? [] : context.hub.history.after(last.place.entry)?.filter(answer.hasSeen)
    if (later === undefined) return undefined
    if (later.some((one) => one.unknown.has(this.#table))) return new Map()
    const records = new Map((answer.value as Record<string, unknown>[]).map((record) => [rowKeyOfRecord(model, record), record]))
    const rows = new Map<string, AskedRow>()
    for (const { key, before, after } of asked) {
      const record = records.get(key)
      const now = lastImage(model, key, later) ?? after
      if (record === undefined || now === null || after === null || (now !== after && !isReadAlike(plan, key, after, now, later))) continue
      rows.set(key, { record, isBeforeKnown: before !== null && isReadAlike(plan, key, before, now, [...causes, ...later]) })
    }
    return rows
  }

  #tell({ at, before, readers }: Pending, changes: readonly RowChange[]): void {
    if (changes.length === 0) return
    const { data, meta } = serializeResult(changes)
    const frame = frameOctets({
      event: 'changes',
      q: this.#options.plan.q,
      at: at.entry,
      changes: data as RowChange[],
      ...(meta === undefined ? {} : { meta }),
    })
    for (const reader of readers) {
      if (reader.isFlowing) reader.push(frame)
      else if (!this.#missedFrom.has(reader)) this.#missedFrom.set(reader, before)
    }
  }

  /** Begins at the end of the log: what happened before is not told. */
  async #begin(reader: Reader, isWanted: () => boolean): Promise<void> {
    const { context, keySets } = this.#options
    while (!this.#areKeySetsAtHead()) await Promise.all(keySets.map((holder) => holder.atHead()))
    if (!isWanted()) return
    this.#follow(reader)
    reader.ready(context.hub.history.head, NO_HORIZON, this)
  }

  /**
   * @param since - `otherwise`: why it begins anew where neither memory nor the log reaches back so far; `isReturning`: it was away, and nobody asked
   * meanwhile who it belongs to
   */
  async #replaySince(
    reader: Reader,
    { from, otherwise, isReturning }: { from: Place; otherwise: ResetReason; isReturning: boolean },
    isWanted: () => boolean,
  ): Promise<void> {
    const { context, keySets } = this.#options
    await Promise.all([...keySets.map((holder) => holder.atHead()), context.hub.passed(from.lsn)])
    await context.hub.since(from.entry, (missed) => {
      if (!isWanted()) return
      if (missed === undefined || (isReturning && reader.wasAnother(missed))) return this.#restart([reader], otherwise)
      this.#replay(reader, missed, from, () => reader.ready(from, NO_HORIZON, this))
    })
  }

  /**
   * Tells what these transactions made of each row, taken together: in between, others may have been allowed to read it. A change keeps its place,
   * so that a reader who was told of it already knows it again; where the database is asked, all are told at the last one.
   */
  #replay(reader: Reader, missed: readonly Transaction[], from: Place, onGoingOn: () => void = () => {}): void {
    const { keySets, plan, isLocal } = this.#options
    const isUnknown =
      missed.some((one) => one.unknown.has(this.#table)) || !this.#areKeySetsAtHead() || keySets.some((holder) => holder.isTouchedBy(missed))
    if (isUnknown) return this.#restart([reader], 'gap')
    this.#follow(reader)
    onGoingOn()
    const own = missed.flatMap((one) => one.effects.flatMap((effect) => (effect.model === plan.model ? { effect, of: one } : [])))
    const lastOf = new Map(own.map(({ effect, of }) => [effect.key, of]))
    const firstOf = new Map(own.toReversed().map(({ effect, of }) => [effect.key, of]))
    const effects = netEffects(own.map(({ effect }) => effect))
    const stoodUntilMs = ({ key }: RowEffect): number | undefined => firstOf.get(key)?.committedAtMs
    const pendingOf = (some: readonly RowEffect[], of: Transaction | undefined): Pending[] => {
      if (of === undefined) return []
      return [{ ...this.#judge(some, of, stoodUntilMs), at: of.place, before: from, readers: new Set([reader]), causes: missed }]
    }
    const byPlace = isLocal ? [...Map.groupBy(effects, ({ key }) => lastOf.get(key))].flatMap(([of, some]) => pendingOf(some, of)) : []
    const isDecided = isLocal && byPlace.every(({ items }) => items.every((item) => 'type' in item))
    try {
      for (const pending of isDecided ? byPlace : pendingOf(effects, own.at(-1)?.of)) this.#enqueue(pending)
    } catch (error) {
      // What cannot be sent: it does not go on without it.
      reader.fail(error as LiveError)
    }
  }

  #areKeySetsAtHead(): boolean {
    const { context, keySets } = this.#options
    return keySets.every((holder) => holder.isKnownAt(context.hub.history.head.lsn))
  }

  #follow(reader: Reader): void {
    this.#options.onInterest(this, this.#options.plan.interestOf(this.#interestContext()))
    endBeginning(reader)
    reader.isFlowing = true
  }

  /** What these readers missed cannot be told. They go on from the end of the log, and know of it. */
  #restart(readers: readonly Reader[], reason: ResetReason): void {
    for (const reader of readers) {
      this.#forget(reader)
      reader.isFlowing = false
      reader.reset(reason)
      this.open(reader)
    }
  }

  #forget(reader: Reader): void {
    this.#missedFrom.delete(reader)
    for (const { readers } of this.#pending) readers.delete(reader)
    this.#pending = this.#pending.filter(({ readers }) => readers.size > 0)
  }

  #interestContext(): InterestContext {
    return { auth: this.#options.identity.auth, now: Date.now(), keySets: this.#known }
  }
}

/** What the last of these transactions that changed the row left of it. */
function lastImage(model: Model, key: string, transactions: readonly Transaction[]): StoredRow | undefined {
  return transactions.flatMap((one) => one.effects).findLast((effect) => effect.model === model && effect.key === key)?.after ?? undefined
}
