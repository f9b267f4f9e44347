import { createDataModel, type Catalog, type CatalogTable, type Collation, type DataModel } from '@zenstack-live/model'
import { ExpressionUtils as E, type AttributeApplication, type Expression, type FieldDef, type ModelDef, type SchemaDef } from '@zenstackhq/schema'

export interface FieldSpec {
  type: string
  /** The column's type in Postgres. */
  column: string
  optional?: boolean
  array?: boolean
  id?: boolean
  attributes?: readonly AttributeApplication[]
}

export interface ModelSpec {
  fields: Record<string, FieldSpec>
  relations?: Record<string, Partial<FieldDef> & { type: string }>
  attributes?: readonly AttributeApplication[]
}

export const BY_CODE_POINT: Collation = {
  provider: 'libc',
  locale: 'C.UTF-8',
  isDeterministic: true,
  lowerCase: Object.fromEntries(Array.from({ length: 26 }, (_, index) => [String.fromCharCode(65 + index), String.fromCharCode(97 + index)])),
}

/** A schema and the database it would live in, without either. */
export function createWorld(
  models: Record<string, ModelSpec>,
  options: Partial<SchemaDef> & { collation?: Collation; timeZone?: string } = {},
): DataModel {
  const schema: SchemaDef = {
    provider: { type: 'postgresql' },
    plugins: {},
    models: Object.fromEntries(Object.entries(models).map(([name, spec]) => [name, modelDef(name, spec)])),
    ...options,
  }
  return createDataModel(schema, catalogOf(schema, models, options.collation ?? BY_CODE_POINT, options.timeZone ?? 'UTC'))
}

export function allow(condition: Expression, operation = 'read'): AttributeApplication {
  return {
    name: '@@allow',
    args: [
      { name: 'operation', value: E.literal(operation) },
      { name: 'condition', value: condition },
    ],
  }
}

export function deny(condition: Expression): AttributeApplication {
  return { ...allow(condition), name: '@@deny' }
}

/** `@allow('read', …)` of a field. */
export function allowField(condition: Expression): AttributeApplication {
  return { ...allow(condition), name: '@allow' }
}

function modelDef(name: string, spec: ModelSpec): ModelDef {
  const scalars = Object.entries(spec.fields).map(([field, { type, optional, array, id, attributes }]): [string, FieldDef] => [
    field,
    {
      name: field,
      type,
      ...(optional === true ? { optional } : {}),
      ...(array === true ? { array } : {}),
      ...(id === true ? { id } : {}),
      ...(attributes === undefined ? {} : { attributes }),
    },
  ])
  const relations = Object.entries(spec.relations ?? {}).map(([field, definition]): [string, FieldDef] => [field, { name: field, ...definition }])
  const idFields = Object.entries(spec.fields)
    .filter(([, field]) => field.id === true)
    .map(([field]) => field)
  return {
    name,
    fields: Object.fromEntries([...scalars, ...relations]),
    attributes: spec.attributes ?? [],
    idFields,
    uniqueFields: Object.fromEntries(idFields.map((field) => [field, { type: spec.fields[field]?.type ?? 'Int' }])) as ModelDef['uniqueFields'],
  }
}

function catalogOf(schema: SchemaDef, models: Record<string, ModelSpec>, collation: Collation, timeZone: string): Catalog {
  const tables: Catalog['tables'] = {}
  for (const [name, spec] of Object.entries(models)) {
    tables[`public.${name}`] = {
      schema: 'public',
      name,
      kind: 'table',
      persistence: 'permanent',
      replicaIdentity: 'full',
      uniqueKeys: [schema.models[name]?.idFields.slice() ?? []],
      hasRowSecurity: false,
      columns: Object.fromEntries(Object.entries(spec.fields).map(([field, each]) => [field, columnOf(schema, field, each)])),
      foreignKeys: Object.values(spec.relations ?? {}).flatMap(({ type, relation }): CatalogTable['foreignKeys'] =>
        relation?.fields === undefined
          ? []
          : [{ columns: [...relation.fields], referencedTable: `public.${type}`, referencedColumns: [...(relation.references ?? [])] }],
      ),
    }
  }
  return { serverVersion: 180_000, encoding: 'UTF8', timeZone, collations: { default: collation }, tables }
}

const TEXTS: ReadonlySet<string> = new Set(['text', 'varchar', 'bpchar'])

function columnOf(schema: SchemaDef, name: string, { type, column, optional, array }: FieldSpec): CatalogTable['columns'][string] {
  const members = schema.enums?.[type]
  return {
    name,
    type: column,
    typmod: -1,
    isArray: array === true,
    isNullable: optional === true || array === true,
    isGenerated: false,
    ...(TEXTS.has(column) ? { collation: 'default' } : {}),
    ...(members === undefined ? {} : { enumLabels: Object.keys(members.values) }),
  }
}
