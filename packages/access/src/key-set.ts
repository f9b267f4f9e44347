import type { Model, StoredRow } from '@zenstack-live/model'
import type { Condition } from './condition.ts'

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
  /** Fields of `model` that `condition` reads. */
  readonly conditionFields: ReadonlySet<string>
  /** The same as a ZenStack `where`, to load the set with an unprotected client; `undefined` for this identity when there is none. */
  readonly where: (auth: import('./decision-context.ts').Auth) => Record<string, unknown> | undefined
}

/** The keys that one identity reaches, by {@link KeySetSpec.id}. */
export interface KeySets {
  get(id: string): { has(key: string): boolean } | undefined
}

/** The text under which a key stands in a set; `null` when a part is NULL, `undefined` when a part is not known. */
export function keySetText(row: StoredRow, fields: readonly string[]): string | null | undefined {
  const [only] = fields
  if (fields.length === 1 && only !== undefined) {
    const value = row[only]
    return value === undefined || value === null ? value : String(value as string | number | bigint)
  }
  const parts = fields.map((field) => row[field])
  if (parts.includes(undefined)) return undefined
  return parts.includes(null) ? null : JSON.stringify(parts.map((part) => String(part as string | number | bigint)))
}
