import { Decimal } from 'decimal.js'
import { StoredJson, type Field, type StoredRow, type StoredValue } from '@zenstack-live/model'
import type { DecisionContext } from './decision-context.ts'
import type { RowPlan, Verdict } from './row-plan.ts'

/** What a change of a row means to one reader of a query. */
export type Transition =
  | { readonly kind: 'enter' | 'leave' | 'none' | 'ask-database' }
  | {
      readonly kind: 'update'
      /** Fields whose visible value is another now; never empty unless the key moved. */
      readonly changed: ReadonlySet<string>
      /** The primary key is another: to the reader the row under the old key left and this one entered. */
      readonly isRekeyed: boolean
    }

const NONE: Transition = { kind: 'none' }
const ENTER: Transition = { kind: 'enter' }
const LEAVE: Transition = { kind: 'leave' }
const ASK: Transition = { kind: 'ask-database' }

/**
 * Compares what a reader had with what a reader has. An update that shows in no visible field is `none`.
 *
 * @param contextBefore - the context as it was before the change, when the transaction also changed a key set. @defaultValue `context`
 */
export function transition(
  plan: RowPlan,
  before: StoredRow | null,
  after: StoredRow | null,
  context: DecisionContext,
  contextBefore: DecisionContext = context,
): Transition {
  const was: Verdict = before === null ? false : plan.decide(before, contextBefore)
  const is: Verdict = after === null ? false : plan.decide(after, context)
  if (was === 'ask-database' || is === 'ask-database') return ASK
  if (!was || before === null) return is ? ENTER : NONE
  if (!is || after === null) return LEAVE
  const [had, has] = [plan.mask(before, contextBefore), plan.mask(after, context)]
  if (had === 'ask-database' || has === 'ask-database') return ASK
  return update(plan, had, has, hasOtherKey(plan, before, after))
}

function hasOtherKey(plan: RowPlan, before: StoredRow, after: StoredRow): boolean {
  return plan.model.idFields.some((name) => !isSameValue(before[name] ?? null, after[name] ?? null))
}

function update(plan: RowPlan, had: StoredRow, has: StoredRow, isRekeyed: boolean): Transition {
  let changed: Set<string> | undefined
  for (const [name, field] of plan.model.fields) {
    const [old, now] = [had[name], has[name]]
    if ((old === undefined) !== (now === undefined)) return ASK
    if (old !== undefined && now !== undefined && !looksSame(field, old, now)) (changed ??= new Set()).add(name)
  }
  return changed === undefined && !isRekeyed ? NONE : { kind: 'update', changed: changed ?? new Set(), isRekeyed }
}

/** Whether a reader sees no difference: NULL, which stands for what is kept back as well, shows as an empty list, and JSON's null as NULL. */
export function looksSame(field: Pick<Field, 'isList'>, a: StoredValue, b: StoredValue): boolean {
  return isSameValue(a, b) || (showsNothing(field, a) && showsNothing(field, b))
}

function showsNothing({ isList }: Pick<Field, 'isList'>, value: StoredValue): boolean {
  if (value instanceof StoredJson) return value.text === (isList ? '[]' : 'null')
  return value === null || (isList && Array.isArray(value) && value.length === 0)
}

/** Whether two stored values are the same; `1.10` and `1.1` are. */
export function isSameValue(a: StoredValue, b: StoredValue): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) {
    return (
      Array.isArray(b) &&
      a.length === b.length &&
      a.every((item: StoredValue, index) => isSameValue(item, (b as readonly StoredValue[])[index] ?? null))
    )
  }
  if (a instanceof StoredJson) return b instanceof StoredJson && a.text === b.text
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0
  return a instanceof Decimal && b instanceof Decimal && (a.eq(b) || (a.isNaN() && b.isNaN()))
}
