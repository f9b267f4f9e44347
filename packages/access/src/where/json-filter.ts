import type { Condition } from '../condition.ts'
import { askDatabase } from '../plan-notes.ts'
import type { FilterScope } from './field-filter.ts'

export function compileJsonFilter(scope: FilterScope, _payload: unknown): Condition {
  return askDatabase(scope.notes, `where: JSON filter of "${scope.field.name}"`)
}
