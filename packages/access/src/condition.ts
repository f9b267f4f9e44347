import type { StoredRow } from '@zenstack-live/model'
import type { DecisionContext } from './decision-context.ts'
import { and, not, or, type Truth } from './truth.ts'

/** Decides about one row. */
export type Condition = (row: StoredRow, context: DecisionContext) => Truth

export const TRUE: Condition = () => true
export const FALSE: Condition = () => false
/** Only the database can say. */
export const ASK: Condition = () => undefined

export function allOf(conditions: readonly Condition[]): Condition {
  const rest = conditions.filter((condition) => condition !== TRUE)
  const [first, second] = rest
  if (first === undefined) return TRUE
  if (second === undefined) return first
  if (rest.length === 2) return (row, context) => and(first(row, context), second(row, context))
  return (row, context) => {
    let result: Truth = true
    for (const condition of rest) {
      result = and(result, condition(row, context))
      if (result === false) return false
    }
    return result
  }
}

export function anyOf(conditions: readonly Condition[]): Condition {
  const rest = conditions.filter((condition) => condition !== FALSE)
  const [first] = rest
  if (first === undefined) return FALSE
  if (rest.length === 1) return first
  return (row, context) => {
    let result: Truth = false
    for (const condition of rest) {
      result = or(result, condition(row, context))
      if (result === true) return true
    }
    return result
  }
}

export function notOf(condition: Condition): Condition {
  if (condition === TRUE) return FALSE
  if (condition === FALSE) return TRUE
  return (row, context) => not(condition(row, context))
}
