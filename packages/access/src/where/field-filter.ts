import type { SchemaDef } from '@zenstackhq/schema'
import type { Collation, Field } from '@zenstack-live/model'
import type { Condition } from '../condition.ts'
import { domainOf } from '../domain/domain-of.ts'
import { mayFail, type PlanNotes } from '../plan-notes.ts'
import { compileJsonFilter } from './json-filter.ts'
import { compileListFilter } from './list-filter.ts'
import { compileStandardFilter } from './standard-filter.ts'
import { compileStringFilter } from './string-filter.ts'
import { compileTypedJsonFilter } from './typed-json-filter.ts'

export interface FilterScope {
  readonly field: Field
  readonly schema: SchemaDef
  readonly notes: PlanNotes
  /** What parameters have, and text that comes out of casts. */
  readonly defaultCollation: Collation | undefined
}

/** Compiles what stands under a field's name in `where`. */
export function compileFieldFilter(scope: FilterScope, payload: unknown): Condition {
  const { field, notes } = scope
  if (field.isList) return compileListFilter(scope, payload)
  if (payload === null) return isNull(field.name)
  if (field.typeDef !== undefined) return compileTypedJsonFilter(scope, payload)
  if (field.type === 'Json') return compileJsonFilter(scope, payload)
  const domain = domainOf(field)
  if (domain === undefined) return mayFail(notes, `where: ${field.type} in a column of type ${field.columnType}`)
  return field.type === 'String' ? compileStringFilter(scope, payload) : compileStandardFilter(scope, domain, payload)
}

function isNull(name: string): Condition {
  return (row) => {
    const value = row[name]
    return value === undefined ? undefined : value === null
  }
}
