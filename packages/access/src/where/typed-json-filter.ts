import type { Condition } from '../condition.ts'
import { askDatabase } from '../plan-notes.ts'
import type { FilterScope } from './field-filter.ts'

export function compileTypedJsonFilter(scope: FilterScope, _payload: unknown): Condition {
  return askDatabase(scope.notes, `where: filter of "${scope.field.typeDef ?? ''}" in "${scope.field.name}"`)
}
