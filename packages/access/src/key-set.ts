import { rowKey, rowKeyOfRecord, type Model, type StoredRow } from '@zenstack-live/model'
import type { Condition } from './condition.ts'
import type { Auth, DecisionContext } from './decision-context.ts'
import { isUndecidable } from './policy/policy-scope.ts'

/**
 * A membership predicate over another table, such as `space.members?[user == auth()]` seen from a task: the row qualifies when
 * its own key is among the keys of those related rows for which `condition` holds.
 */
export interface KeySetSpec {
  /** Names the predicate; equal predicates of one schema have equal ids. */
  readonly id: string
  /** The model whose rows make the set (`SpaceMember`). Its own read policies do not apply. */
  readonly model: Model
  /** Its fields that hold the key (`spaceId`). */
  readonly keyFields: readonly string[]
  /** The fields of the decided row that hold the same key (`spaceId` of the task), in the same order. */
  readonly ownFields: readonly string[]
  /** Which rows count. */
  readonly condition: Condition
  /** All fields of `model` that must be selected to load the set: keys and the primary key. */
  readonly selectFields: readonly string[]
  /**
   * The same condition as a ZenStack `where`, to load the set with a client without policies.
   *
   * @returns `undefined` when this identity's values do not fit: then there is no set, and the predicate asks the database
   */
  where(auth: Auth): Record<string, unknown> | undefined
}

/** The keys that one identity reaches, by {@link KeySetSpec.id}. */
export interface KeySets {
  get(id: string): { has(key: string): boolean } | undefined
}

/** What a change of a related row did to a set. */
export interface KeySetChange {
  readonly added?: string
  readonly removed?: string
}

/**
 * One identity's set, kept current from the stream. Several rows may give the same key; it stays until the last is gone.
 * Apply changes of its table before deciding rows of the same transaction.
 */
export class KeySet {
  readonly spec: KeySetSpec
  readonly #rowsByKey = new Map<string, Set<string>>()
  #rowCount = 0

  /** @param records - rows as ZenStack returned them for `spec.where`, with `spec.selectFields` */
  constructor(spec: KeySetSpec, records: readonly Readonly<Record<string, unknown>>[]) {
    this.spec = spec
    for (const record of records) {
      const key = textOf(spec.keyFields.map((field) => record[field]))
      if (typeof key === 'string') this.#add(key, rowKeyOfRecord(spec.model, record))
    }
  }

  /** Rows that it is made of, which is what it costs to keep. */
  get rowCount(): number {
    return this.#rowCount
  }

  has(key: string): boolean {
    return this.#rowsByKey.has(key)
  }

  keys(): IterableIterator<string> {
    return this.#rowsByKey.keys()
  }

  /** @returns `ask-database` when memory cannot tell whether the row counts: load the set again */
  apply(before: StoredRow | null, after: StoredRow | null, context: DecisionContext): KeySetChange | 'ask-database' {
    const [was, is] = [this.#keyOf(before, context), this.#keyOf(after, context)]
    if (was === 'ask-database' || is === 'ask-database') return 'ask-database'
    const change: { added?: string; removed?: string } = {}
    if (was !== undefined && before !== null && this.#remove(was.key, rowKey(this.spec.model, before))) change.removed = was.key
    if (is !== undefined && after !== null && this.#add(is.key, rowKey(this.spec.model, after))) change.added = is.key
    return change.added !== undefined && change.added === change.removed ? {} : change
  }

  #keyOf(row: StoredRow | null, context: DecisionContext): { key: string } | 'ask-database' | undefined {
    if (row === null) return undefined
    let truth
    try {
      truth = this.spec.condition(row, context)
    } catch (error) {
      if (isUndecidable(error)) return 'ask-database'
      throw error
    }
    const key = keySetText(row, this.spec.keyFields)
    if (truth === undefined || key === undefined) return 'ask-database'
    return truth === true && key !== null ? { key } : undefined
  }

  #add(key: string, row: string): boolean {
    const rows = this.#rowsByKey.get(key)
    if (rows?.has(row) === true) return false
    this.#rowCount++
    if (rows === undefined) this.#rowsByKey.set(key, new Set([row]))
    else rows.add(row)
    return rows === undefined
  }

  #remove(key: string, row: string): boolean {
    const rows = this.#rowsByKey.get(key)
    if (rows === undefined || !rows.delete(row)) return false
    this.#rowCount--
    if (rows.size > 0) return false
    return this.#rowsByKey.delete(key)
  }
}

/** The text under which a row's key stands in a set; `null` when a part is NULL, `undefined` when a part is not known. */
export function keySetText(row: StoredRow, fields: readonly string[]): string | null | undefined {
  const [only] = fields
  return fields.length === 1 && only !== undefined ? textOf([row[only]]) : textOf(fields.map((field) => row[field]))
}

function textOf(parts: readonly unknown[]): string | null | undefined {
  if (parts.includes(undefined)) return undefined
  if (parts.includes(null)) return null
  // Keys of sets are strings and whole numbers: the compiler takes no others.
  return parts.length === 1 ? String(parts[0]) : JSON.stringify(parts.map(String))
}
