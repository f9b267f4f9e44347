import type { ModelDef, SchemaDef } from '@zenstackhq/schema'
import type { JoinEnd, JoinTable } from './data-model.ts'
import { refusalOfTable, refusalOfUnpublished } from './refusal.ts'
import { tableNameOf } from './schema-names.ts'
import type { Catalog } from './catalog.ts'

/**
 * The tables of implicit many-to-many relations: `_<relation name>`, or `_<A>To<B>` with the models in order of their names;
 * column `A` belongs to the first. The table lies in the first model's database schema.
 */
export function joinTablesOf(schema: SchemaDef, catalog: Catalog): JoinTable[] {
  const tables = new Map<string, JoinTable>()
  for (const model of Object.values(schema.models)) {
    for (const field of Object.values(model.fields)) {
      const opposite = field.relation?.opposite === undefined ? undefined : schema.models[field.type]?.fields[field.relation.opposite]
      if (field.array !== true || opposite?.array !== true || opposite.relation === undefined) continue
      const join = joinTable(
        schema,
        catalog,
        { model: field.originModel ?? model.name, field: field.name },
        { model: field.type, field: opposite.name },
        field.relation?.name,
      )
      tables.set(`${join.table.schema}.${join.table.name}`, join)
    }
  }
  return [...tables.values()]
}

type End = Omit<JoinEnd, 'column'>

function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function joinTable(schema: SchemaDef, catalog: Catalog, one: End, other: End, relationName: string | undefined): JoinTable {
  const [first, second] =
    (one.model === other.model ? byName(one.field, other.field) : byName(one.model, other.model)) <= 0 ? [one, other] : [other, one]
  const owner: ModelDef | undefined = schema.models[first.model]
  const table = {
    schema: owner === undefined ? 'public' : tableNameOf(schema, owner).schema,
    name: relationName === undefined ? `_${first.model}To${second.model}` : `_${relationName}`,
  }
  const refusal = refusalOfTable(catalog, table) ?? refusalOfUnpublished(catalog, table)
  return {
    kind: 'join',
    table,
    ends: [
      { column: 'A', ...first },
      { column: 'B', ...second },
    ],
    ...(refusal === undefined ? {} : { refusal }),
  }
}
