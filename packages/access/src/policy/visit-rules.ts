import type { Expression, ModelDef } from '@zenstackhq/schema'
import { visit } from './auth-expressions.ts'

/** Shows every expression in the rules of a model and of its fields, for whatever operation. */
export function visitRules({ attributes = [], fields }: Pick<ModelDef, 'attributes' | 'fields'>, see: (each: Expression) => void): void {
  for (const { name, args = [] } of [...attributes, ...Object.values(fields).flatMap((field) => field.attributes ?? [])])
    if (/^@@?(allow|deny)$/.test(name)) for (const { value } of args) visit(value, see)
}
