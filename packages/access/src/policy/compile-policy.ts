import type { AttributeApplication, Expression } from '@zenstackhq/schema'
import type { DataModel, Model } from '@zenstack-live/model'
import { allOf, anyOf, FALSE, TRUE, type Condition } from '../condition.ts'
import type { PlanNotes } from '../plan-notes.ts'
import { compileExpression } from './compile-expression.ts'
import type { PolicyScope } from './policy-scope.ts'

export interface PolicyRule {
  readonly kind: 'allow' | 'deny'
  readonly condition: Expression
}

/** The rules of a model (`@@allow`, `@@deny`) or field (`@allow`, `@deny`) for an operation, `all` included. */
export function rulesOf(attributes: readonly AttributeApplication[] | undefined, prefix: '@@' | '@', operation: string): PolicyRule[] {
  const rules: PolicyRule[] = []
  for (const attribute of attributes ?? []) {
    const kind = attribute.name === `${prefix}allow` ? 'allow' : attribute.name === `${prefix}deny` ? 'deny' : undefined
    const operations = attribute.args?.[0]?.value
    const condition = attribute.args?.[1]?.value
    if (kind === undefined || condition === undefined || operations?.kind !== 'literal' || typeof operations.value !== 'string') continue
    const names = operations.value.split(',').map((name) => name.trim())
    if (names.includes('all') || names.includes(operation)) rules.push({ kind, condition })
  }
  return rules
}

/** Whether the read policies of a model let a row be seen. No rule that allows means nobody may. */
export function compileModelPolicy(data: DataModel, model: Model, notes: PlanNotes): Condition {
  const rules = rulesOf(data.schema.models[model.name]?.attributes, '@@', 'read')
  return combine({ data, notes, model, operation: 'read' }, rules, FALSE)
}

/** Whether the read policies of a field let its value be seen; without rules everybody may. */
export function compileFieldPolicy(data: DataModel, model: Model, field: string, notes: PlanNotes): Condition {
  const rules = rulesOf(data.schema.models[model.name]?.fields[field]?.attributes, '@', 'read')
  return combine({ data, notes, model, operation: 'read' }, rules, TRUE)
}

/** One that allows, and none that denies. A deny that is NULL does not deny. */
function combine(scope: PolicyScope, rules: readonly PolicyRule[], byDefault: Condition): Condition {
  const allows = rules.filter((rule) => rule.kind === 'allow').map((rule) => compileExpression(scope, rule.condition))
  const denies = rules.filter((rule) => rule.kind === 'deny').map((rule) => isNotTrue(compileExpression(scope, rule.condition)))
  return allOf([allows.length === 0 ? byDefault : anyOf(allows), ...denies])
}

function isNotTrue(condition: Condition): Condition {
  if (condition === TRUE) return FALSE
  if (condition === FALSE) return TRUE
  return (row, context) => {
    const truth = condition(row, context)
    return truth === undefined ? undefined : truth !== true
  }
}
