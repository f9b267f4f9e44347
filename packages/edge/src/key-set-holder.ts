import { KeySet, type DecisionContext, type KeySetSpec } from '@zenstack-live/access'
import { tableKey, type StoredRow } from '@zenstack-live/model'
import type { EdgeContext } from './edge-context.ts'
import { unseenOf } from './history.ts'
import type { Identity } from './identity.ts'
import { netEffects, type RowEffect, type Transaction } from './transaction.ts'

/**
 * The keys that one identity reaches by one membership predicate, kept current from the stream. Read once when the first query
 * needs it; from then on a change of any other table costs no question.
 */
export interface KeySetHolder {
  readonly spec: KeySetSpec
  /** Resolves when the keys are known; asks again when the last try failed. @throws {LiveError} as asking does */
  ready(): Promise<void>
  has(key: string): boolean
  keys(): Iterable<string>
  /** Takes a transaction in. @returns whether the set of keys is another now, or not known any more */
  take(transaction: Transaction): boolean
  /** Whether one of these transactions touches rows that stand for this identity. */
  isTouchedBy(transactions: readonly Transaction[]): boolean
  /** The keys are to be read again. */
  forget(): void
}

export function createKeySetHolder(context: EdgeContext, spec: KeySetSpec, identity: Identity): KeySetHolder {
  const { hub } = context
  const table = tableKey(spec.model.table)
  let set: KeySet | undefined
  let loading: Promise<void> | undefined

  const decision = (): DecisionContext => ({ auth: identity.auth, now: Date.now() })
  const concerning = (effects: readonly RowEffect[]): RowEffect[] => effects.filter((effect) => effect.model === spec.model)
  // Rows count as they are: the rule that asks for them is not held to their own policies.
  const counts = (row: StoredRow | null): boolean => row !== null && isNotFalse(spec, row, decision())

  const apply = (to: KeySet, effects: readonly RowEffect[]): 'same' | 'other' | 'unknown' => {
    let result: 'same' | 'other' = 'same'
    for (const { before, after } of concerning(effects)) {
      const change = to.apply(before, after, decision())
      if (change === 'ask-database') return 'unknown'
      if (change.added !== undefined || change.removed !== undefined) result = 'other'
    }
    return result
  }

  const load = async (): Promise<void> => {
    const { era } = hub
    const start = hub.history.head
    const where = spec.where(identity.auth)
    const answer = await context.asker.ask(context.database.unprotected(), {
      model: spec.model.name,
      operation: 'findMany',
      args: { where: where ?? { OR: [] }, select: Object.fromEntries(spec.selectFields.map((name) => [name, true])) },
    })
    const loaded = new KeySet(spec, answer.value as Record<string, unknown>[])
    const from = hub.history.firstUnseen(answer.snapshot) ?? start
    const transactions = hub.history.after(from.entry)
    if (hub.era !== era || transactions === undefined) return load()
    const unseen = unseenOf(transactions, answer.snapshot)
    const isUnknown = unseen.some((one) => one.unknown.has(table)) || apply(loaded, netEffects(unseen.flatMap((one) => one.effects))) === 'unknown'
    if (isUnknown) {
      await new Promise((resolve) => setTimeout(resolve, RELOAD_MS))
      return load()
    }
    set = loaded
  }

  const forget = (): void => {
    set = undefined
    loading = undefined
  }

  return {
    spec,
    ready() {
      loading ??= load().catch((error: unknown) => {
        loading = undefined
        throw error
      })
      return loading
    },
    has: (key) => set?.has(key) ?? false,
    keys: () => set?.keys() ?? [],
    take(transaction) {
      if (set === undefined || !transaction.tables.has(table)) return false
      const result = transaction.unknown.has(table) ? 'unknown' : apply(set, transaction.effects)
      if (result === 'unknown') forget()
      return result !== 'same'
    },
    isTouchedBy: (transactions) =>
      transactions.some((one) => one.unknown.has(table) || concerning(one.effects).some(({ before, after }) => counts(before) || counts(after))),
    forget,
  }
}

/** The commit that this snapshot could not show will be visible a moment later. */
const RELOAD_MS = 20

function isNotFalse(spec: KeySetSpec, row: StoredRow, context: DecisionContext): boolean {
  try {
    const truth = spec.condition(row, context)
    return truth === true || truth === undefined
  } catch {
    // What cannot be decided may count.
    return true
  }
}
