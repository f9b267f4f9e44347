import type { FieldDef, ModelDef, SchemaDef } from '@zenstackhq/schema'
import type { Catalog } from './catalog.ts'
import type { JoinTable, Relation } from './data-model.ts'
import { attributeText, tableNameOf } from './schema-names.ts'

/** The relation fields of a model, inherited ones included. */
export function relationsOf(schema: SchemaDef, catalog: Catalog, model: ModelDef, joinTables: readonly JoinTable[]): Map<string, Relation> {
  const relations = new Map<string, Relation>()
  for (const field of Object.values(model.fields)) {
    if (field.relation !== undefined) relations.set(field.name, relationOf(schema, catalog, model, field, joinTables))
  }
  return relations
}

function relationOf(schema: SchemaDef, catalog: Catalog, model: ModelDef, field: FieldDef, joinTables: readonly JoinTable[]): Relation {
  const common = {
    name: field.name,
    model: field.type,
    isList: field.array === true,
    isOptional: field.optional === true,
    ...(field.originModel === undefined ? {} : { origin: field.originModel }),
  }
  const owner = field.originModel ?? model.name
  const joinTable = joinTables.find((each) => each.ends.some((end) => end.model === owner && end.field === field.name))
  if (joinTable !== undefined) {
    const ownColumn = joinTable.ends.find((end) => end.model === owner && end.field === field.name)?.column ?? 'A'
    return { ...common, keyIn: 'join', pairs: [], joinTable, ownColumn, isEnforced: false }
  }
  const own = field.relation
  if (own?.fields !== undefined) {
    const pairs = own.fields.map((name, index) => ({ own: name, other: own.references?.[index] ?? '' }))
    return { ...common, keyIn: 'own', pairs, isEnforced: isEnforced(schema, catalog, owner, field.type, pairs) }
  }
  const opposite = own?.opposite === undefined ? undefined : schema.models[field.type]?.fields[own.opposite]?.relation
  const pairs = (opposite?.fields ?? []).map((name, index) => ({ own: opposite?.references?.[index] ?? '', other: name }))
  return { ...common, keyIn: 'other', pairs, isEnforced: false }
}

function isEnforced(schema: SchemaDef, catalog: Catalog, from: string, to: string, pairs: readonly { own: string; other: string }[]): boolean {
  const [fromModel, toModel] = [schema.models[from], schema.models[to]]
  if (fromModel === undefined || toModel === undefined) return false
  const [fromTable, toTable] = [tableNameOf(schema, fromModel), tableNameOf(schema, toModel)]
  const wanted = pairs
    .map((pair) => `${columnOf(fromModel, pair.own)} ${columnOf(toModel, pair.other)}`)
    .sort()
    .join()
  return (catalog.tables[`${fromTable.schema}.${fromTable.name}`]?.foreignKeys ?? []).some(
    (key) =>
      key.referencedTable === `${toTable.schema}.${toTable.name}` &&
      key.columns
        .map((column, index) => `${column} ${key.referencedColumns[index] ?? ''}`)
        .sort()
        .join() === wanted,
  )
}

function columnOf(model: ModelDef, field: string): string {
  return attributeText(model.fields[field]?.attributes, '@map', 'name') ?? field
}
