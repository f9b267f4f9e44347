import { KeySet, type DecisionContext, type KeySetSpec, type ListableKeySets } from '@zenstack-live/access'
import { tableKey, type StoredRow } from '@zenstack-live/model'
import { LiveError, type Lsn } from '@zenstack-live/protocol'
import type { EdgeContext } from '../../edge-context.ts'
import { unseenOf } from '../../log/history.ts'
import { earlier } from '../../log/place.ts'
import { NO_HORIZON } from '../../streams/ticket.ts'
import { nameOf, type Identity } from '../../identity/identity.ts'
import { netEffects, type RowEffect, type Transaction } from '../../log/transaction.ts'

const NO_KEY_SETS: ListableKeySets = { get: () => undefined }

/** Those whose keys are known: in the place of others an empty set would let in where a rule denies. */
export function knownKeySets(holders: readonly KeySetHolder[]): ListableKeySets {
  if (holders.length === 0) return NO_KEY_SETS
  const byId = new Map(holders.map((holder) => [holder.spec.id, holder]))
  return { get: (id) => byId.get(id)?.known }
}

/** The commit that a snapshot could not show will be visible a moment later. */
const RELOAD_MS = 20

/**
 * The keys that one identity reaches by one membership predicate, kept current from the stream. Read once when the first query
 * needs it; from then on a change of any other table costs no question.
 */
export class KeySetHolder {
  readonly spec: KeySetSpec
  readonly #context: EdgeContext
  readonly #identity: Identity
  readonly #where: object
  readonly #table: string
  readonly #onTooMany: () => void
  #set: KeySet | undefined
  #loading: Promise<void> | undefined
  /** Of what was read before the keys were last forgotten, nothing is kept. */
  #generation = 0
  /** Everything that they were read from was written before this place of the write-ahead log. */
  #horizon = NO_HORIZON

  /**
   * @param where - the rows that can be the identity's
   * @param onTooMany - called when they are more than `maxMemberships`: whoever goes by them has to ask the database instead
   */
  constructor(context: EdgeContext, spec: KeySetSpec, identity: Identity, { where, onTooMany }: { where: object; onTooMany: () => void }) {
    this.#context = context
    this.#identity = identity
    this.#where = where
    this.#onTooMany = onTooMany
    this.spec = spec
    this.#table = tableKey(spec.model.table)
  }

  /** They were read, and changes are told. */
  get isReady(): boolean {
    return this.#set !== undefined
  }

  /**
   * Whether they are known, and not as they will be only after a place of the write-ahead log. By those of a time to come, somebody would be
   * shown what was never theirs, and who was shown rows by others would not be told when the log comes to the change.
   */
  isKnownAt(lsn: Lsn): boolean {
    return this.isReady && this.#horizon <= lsn
  }

  /** Resolves when they are known as the log has them. @throws {LiveError} as asking does, and `log_unavailable` */
  async atHead(): Promise<void> {
    const { hub } = this.#context
    while (!this.isKnownAt(hub.history.head.lsn)) {
      await this.ready()
      await hub.passed(this.#horizon)
    }
  }

  get known(): KeySet | undefined {
    return this.#set
  }

  /** Another one when the keys were forgotten in between. */
  get generation(): number {
    return this.#generation
  }

  /** Resolves when the keys are known; asks again when the last try failed. @throws {LiveError} as asking does, and `row_limit` */
  ready(): Promise<void> {
    return (this.#loading ??= this.#begin())
  }

  /** Takes a transaction in; of its effects, at least those that concern the set. @returns whether the set of keys is another now, or not known any more */
  take(transaction: Transaction, effects: readonly RowEffect[]): boolean {
    if (this.#set === undefined || !transaction.tables.has(this.#table) || !this.#context.guards.revokes) return false
    const result = transaction.unknown.has(this.#table) ? 'unknown' : this.#apply(this.#set, effects)
    if (result === 'unknown') this.forget()
    return result !== 'same'
  }

  /** Whether one of these transactions touches rows that stand for this identity. */
  isTouchedBy(transactions: readonly Transaction[]): boolean {
    return transactions.some((one) => {
      if (!one.tables.has(this.#table)) return false
      return one.unknown.has(this.#table) || this.#concerning(one.effects).some(({ before, after }) => this.#counts(before) || this.#counts(after))
    })
  }

  /** The keys are to be read again. */
  forget(): void {
    this.#generation++
    this.#set = undefined
    this.#horizon = NO_HORIZON
    this.#loading = undefined
  }

  #begin(): Promise<void> {
    const loading = this.#load().catch((error: unknown) => {
      // Not one that was begun since: what is known would be read again, and be ahead of the log.
      if (this.#loading === loading) this.#loading = undefined
      throw error
    })
    return loading
  }

  /** Ends when the keys are known, or were forgotten meanwhile. */
  async #load(): Promise<void> {
    const { hub, asker, database, limits } = this.#context
    const { spec } = this
    const generation = this.#generation
    while (generation === this.#generation) {
      const { era } = hub
      const start = hub.history.head
      const select = Object.fromEntries(spec.selectFields.map((name) => [name, true]))
      const args = { where: this.#where, select, take: limits.maxMemberships + 1 }
      const answer = await asker.ask(database.unprotected(), { model: spec.model.name, operation: 'findMany', args })
      const rows = answer.value as Record<string, unknown>[]
      if (rows.length > limits.maxMemberships) this.#giveUp()
      const set = new KeySet(spec, rows)
      // Marks of changed schemas are no transactions: snapshots neither show them nor lack them.
      const from = earlier(hub.history.firstUnseen(answer.snapshot), start)
      const transactions = hub.history.after(from.entry)
      if (
        generation === this.#generation &&
        hub.era === era &&
        transactions !== undefined &&
        this.#join(set, unseenOf(transactions, answer.snapshot))
      ) {
        this.#set = set
        this.#horizon = answer.horizon
        return
      }
      await new Promise((resolve) => setTimeout(resolve, RELOAD_MS))
    }
  }

  #giveUp(): never {
    const { model } = this.spec
    const { limits, logger } = this.#context
    const message = `Somebody has more than ${limits.maxMemberships} rows of ${model.name} (maxMemberships).`
    logger.warn(`${message} The database is asked for their queries.`, { identity: nameOf(this.#identity) })
    this.#onTooMany()
    throw new LiveError('row_limit', message)
  }

  /** Brings a set that was just read up to the head of the log. @returns whether that could be done */
  #join(set: KeySet, unseen: readonly Transaction[]): boolean {
    if (unseen.some((one) => one.unknown.has(this.#table))) return false
    return this.#apply(set, netEffects(unseen.flatMap((one) => one.effects))) !== 'unknown'
  }

  #apply(set: KeySet, effects: readonly RowEffect[]): 'same' | 'other' | 'unknown' {
    let result: 'same' | 'other' = 'same'
    for (const { before, after } of this.#concerning(effects)) {
      const change = set.apply(before, after, this.#decision())
      if (change === 'ask-database') return 'unknown'
      if (change.added !== undefined || change.removed !== undefined) result = 'other'
    }
    return set.rowCount > this.#context.limits.maxMemberships ? 'unknown' : result
  }

  #concerning(effects: readonly RowEffect[]): RowEffect[] {
    return effects.filter((effect) => effect.model === this.spec.model)
  }

  /** Rows count as they are: the rule that asks for them is not held to their own policies. What cannot be decided may count. */
  #counts(row: StoredRow | null): boolean {
    if (row === null) return false
    try {
      const truth = this.spec.condition(row, this.#decision())
      return truth === true || truth === undefined
    } catch {
      return true
    }
  }

  #decision(): DecisionContext {
    return { auth: this.#identity.auth, now: Date.now() }
  }
}
