import type { DataModel, Field, Model } from '@zenstack-live/model'
import { allOf, anyOf, notOf, TRUE, type Condition } from '../condition.ts'
import { askDatabase, mayFail, type PlanNotes } from '../plan-notes.ts'
import { compileFieldFilter } from './field-filter.ts'

export interface WhereScope {
  readonly data: DataModel
  readonly model: Model
  readonly notes: PlanNotes
}

/**
 * Compiles a validated `where`. Sibling keys are ANDed; a key whose value is `undefined` is not there.
 */
export function compileWhere(scope: WhereScope, where: unknown): Condition {
  if (where === undefined) return TRUE
  if (typeof where !== 'object' || where === null) return mayFail(scope.notes, 'where: not an object')
  const conditions: Condition[] = []
  for (const [key, payload] of Object.entries(where)) {
    if (payload !== undefined) conditions.push(compileKey(scope, key, payload as unknown))
  }
  return allOf(conditions)
}

function compileKey(scope: WhereScope, key: string, payload: unknown): Condition {
  switch (key) {
    case 'AND':
      return allOf(members(payload).map((member) => compileWhere(scope, member)))
    case 'OR':
      return anyOf(members(payload).map((member) => compileWhere(scope, member)))
    case 'NOT': {
      // NOT of a list is NOT of their conjunction; an empty one says nothing.
      const list = members(payload)
      return list.length === 0 ? TRUE : notOf(allOf(list.map((member) => compileWhere(scope, member))))
    }
    default:
      return compileFieldKey(scope, key, payload)
  }
}

/** ZenStack drops members that are `{}` or hold only `undefined` before it combines the others; so `OR: [{}]` is false. */
function members(payload: unknown): unknown[] {
  const list: unknown[] = Array.isArray(payload) ? payload : [payload]
  return list.filter((member) => typeof member !== 'object' || member === null || Object.values(member).some((value) => value !== undefined))
}

function compileFieldKey(scope: WhereScope, key: string, payload: unknown): Condition {
  const { model, notes } = scope
  const field: Field | undefined = model.fields.get(key)
  if (field !== undefined) {
    notes.fields.add(key)
    return compileFieldFilter({ field, schema: scope.data.schema, notes, defaultCollation: scope.data.catalog.collations['default'] }, payload)
  }
  const relation = model.relations.get(key)
  if (relation !== undefined) {
    // `{ relation: null }` of a relation whose key is here is a question about the key alone, and no policy of the other side.
    if (payload === null && relation.keyIn === 'own' && relation.origin === undefined) {
      for (const pair of relation.pairs) notes.fields.add(pair.own)
      const keys = relation.pairs.map((pair) => pair.own)
      return allOf(
        keys.map(
          (name): Condition =>
            (row) =>
              row[name] === undefined ? undefined : row[name] === null,
        ),
      )
    }
    return askDatabase(notes, `where: relation "${key}"`)
  }
  if (model.computedFields.includes(key)) return askDatabase(notes, `where: computed field "${key}"`)
  if (scope.data.schema.models[model.name]?.fields[key] !== undefined) return askDatabase(notes, `where: field "${key}" is not in this table`)
  const parts = compoundKey(scope, key)
  if (parts !== undefined && typeof payload === 'object' && payload !== null) return compileWhere(scope, payload)
  return key.startsWith('$') ? askDatabase(notes, `where: "${key}"`) : mayFail(notes, `where: unknown key "${key.slice(0, 40)}"`)
}

/** The fields of a compound unique key, which `findUnique` takes as one. */
function compoundKey(scope: WhereScope, key: string): object | undefined {
  const definition = scope.data.schema.models[scope.model.name]?.uniqueFields[key]
  return definition !== undefined && !('type' in definition && typeof definition.type === 'string') ? definition : undefined
}
