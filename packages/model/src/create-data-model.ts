import { createHash } from 'node:crypto'
import type { FieldDef, ModelDef, SchemaDef } from '@zenstackhq/schema'
import type { Catalog, CatalogColumn, CatalogTable } from './catalog.ts'
import { isColumnTypeOf } from './column-types.ts'
import type { DataModel, EnumLabels, Field, JoinTable, Model, Refusal, ScalarType } from './data-model.ts'
import { tableKey } from './data-model.ts'
import { joinTablesOf } from './join-tables.ts'
import { refusalOfTable, refusalOfUnpublished } from './refusal.ts'
import { relationsOf } from './relations.ts'
import { attributeText, tableNameOf } from './schema-names.ts'

const BUILT_IN: ReadonlySet<string> = new Set<ScalarType>(['String', 'Int', 'BigInt', 'Float', 'Decimal', 'Boolean', 'DateTime', 'Bytes', 'Json'])

const OPAQUE: ReadonlySet<string> = new Set(['timetz', 'money', 'bit', 'varbit'])
/** Lists of these are shown in the time zone of the process. */
const OPAQUE_LISTS: ReadonlySet<string> = new Set(['date', 'time'])

/**
 * Puts a schema and its database together.
 *
 * @param schema - the full schema; `schema-lite` has neither policies nor names of tables
 * @param catalog - from {@link readCatalog}, of the database that the changes come from
 */
export function createDataModel(schema: SchemaDef, catalog: Catalog): DataModel {
  const joinTables = joinTablesOf(schema, catalog)
  const models = new Map<string, Model>()
  for (const definition of Object.values(schema.models)) models.set(definition.name, createModel(schema, catalog, definition, joinTables))
  const byTable = new Map<string, Model | JoinTable>()
  for (const joinTable of joinTables) byTable.set(tableKey(joinTable.table), joinTable)
  for (const model of models.values()) byTable.set(tableKey(model.table), model)
  return {
    schema,
    catalog,
    fingerprint: fingerprintOf(schema, catalog, byTable),
    models,
    joinTables,
    table: (schemaName, name) => byTable.get(`${schemaName}.${name}`),
  }
}

function createModel(schema: SchemaDef, catalog: Catalog, definition: ModelDef, joinTables: readonly JoinTable[]): Model {
  const table = tableNameOf(schema, definition)
  const catalogTable = catalog.tables[tableKey(table)]
  const definitions = Object.values(definition.fields)
  const scalars = definitions.filter(
    (field) => field.relation === undefined && field.computed !== true && field.originModel === undefined && field.type !== 'Unsupported',
  )
  const fields = scalars.map((field) => createField(schema, catalog, field, catalogTable))
  const refusal =
    refusalOfView(definition, table) ??
    refusalOfTable(catalog, table) ??
    fields.map((field) => refusalOfField(field, catalogTable)).find((each) => each !== undefined) ??
    refusalOfKey(definition, fields, catalogTable) ??
    refusalOfUnpublished(catalog, table)
  return {
    kind: 'model',
    name: definition.name,
    table,
    fields: new Map(fields.map((field) => [field.name, field])),
    fieldsByColumn: new Map(fields.map((field) => [field.column, field])),
    idFields: definition.idFields,
    relations: relationsOf(schema, catalog, definition, joinTables),
    computedFields: definitions.filter((field) => field.computed === true).map((field) => field.name),
    subModels: definition.subModels ?? [],
    isDelegate: definition.isDelegate === true,
    hasRowSecurity: catalogTable?.hasRowSecurity === true,
    ...(definition.baseModel === undefined ? {} : { base: definition.baseModel }),
    ...(refusal === undefined ? {} : { refusal }),
  }
}

function createField(schema: SchemaDef, catalog: Catalog, definition: FieldDef, table: CatalogTable | undefined): Field {
  const column = attributeText(definition.attributes, '@map', 'name') ?? definition.name
  const catalogColumn = table?.columns[column]
  const isEnum = schema.enums?.[definition.type] !== undefined
  const isTypeDef = schema.typeDefs?.[definition.type] !== undefined
  const nativeType = definition.attributes?.find((attribute) => attribute.name.startsWith('@db.'))?.name
  const collation = catalogColumn?.collation === undefined ? undefined : catalog.collations[catalogColumn.collation]
  return {
    name: definition.name,
    column,
    // A type that is neither an enum nor a `type` is one of the built-in names: the schema's generator checked it.
    type: isEnum ? 'Enum' : isTypeDef || !BUILT_IN.has(definition.type) ? 'Json' : (definition.type as ScalarType),
    isList: definition.array === true,
    isOptional: definition.optional === true,
    isId: definition.id === true,
    isOmitted: definition.omit === true,
    isDiscriminator: definition.isDiscriminator === true,
    columnType: catalogColumn?.type ?? '',
    typmod: catalogColumn?.typmod ?? -1,
    isOpaque: isOpaque(catalogColumn),
    ...(isEnum ? { enumName: definition.type, labels: enumLabels(schema, definition.type, catalogColumn) } : {}),
    ...(isTypeDef ? { typeDef: definition.type } : {}),
    ...(nativeType === undefined ? {} : { nativeType }),
    ...(collation === undefined ? {} : { collation }),
  }
}

function isOpaque(column: CatalogColumn | undefined): boolean {
  if (column === undefined) return false
  return OPAQUE.has(column.type) || column.isGenerated || (column.isArray && OPAQUE_LISTS.has(column.type))
}

function enumLabels(schema: SchemaDef, name: string, column: CatalogColumn | undefined): EnumLabels {
  const definition = schema.enums?.[name]
  const members = Object.keys(definition?.values ?? {})
  const mapped = members.map((member) => [member, attributeText(definition?.fields?.[member]?.attributes, '@map', 'name') ?? member] as const)
  return {
    labelOf: new Map(mapped),
    memberOf: new Map(mapped.map(([member, label]) => [label, member])),
    order: column?.enumLabels ?? mapped.map(([, label]) => label),
    isMapped: mapped.some(([member, label]) => member !== label),
  }
}

function refusalOfView(definition: ModelDef, table: { schema: string; name: string }): Refusal | undefined {
  return definition.isView === true
    ? {
        reason: 'view',
        message: `Model "${definition.name}" is a view ("${table.schema}"."${table.name}"): it has no changes of its own.`,
        cure: 'Read the tables behind it.',
      }
    : undefined
}

function refusalOfKey(definition: ModelDef, fields: readonly Field[], table: CatalogTable | undefined): Refusal | undefined {
  if (definition.idFields.length === 0) {
    return {
      reason: 'no_key',
      message: `Model "${definition.name}" has no key: its rows cannot be told apart.`,
      cure: 'Add @id or @@id to the model.',
    }
  }
  const key = fields.filter((field) => definition.idFields.includes(field.name)).map((field) => field.column)
  // What only the schema says is unique, two rows may share.
  if (table === undefined || table.uniqueKeys.some((columns) => columns.every((column) => key.includes(column)))) return undefined
  const columns = key.map((column) => `"${column}"`).join(', ')
  return {
    reason: 'no_key',
    message: `Table "${table.schema}"."${table.name}" has no unique index on the key of model "${definition.name}": its rows cannot be told apart.`,
    cure: `ALTER TABLE "${table.schema}"."${table.name}" ADD PRIMARY KEY (${columns})`,
  }
}

function refusalOfField(field: Field, table: CatalogTable | undefined): Refusal | undefined {
  const column = table?.columns[field.column]
  if (column === undefined) {
    return {
      reason: 'missing_column',
      message: `Field "${field.name}" has no column "${field.column}" in the database.`,
      cure: 'Run the migrations, or check @map.',
    }
  }
  if (column.isArray !== (field.isList && field.typeDef === undefined) && !isListInJson(field, column)) {
    return {
      reason: 'column_type',
      message: `Column "${field.column}" and field "${field.name}" do not agree on being a list.`,
      cure: 'Make the schema and the table agree.',
    }
  }
  return isColumnTypeOf(field, column)
    ? undefined
    : {
        reason: 'column_type',
        message: `Field "${field.name}" is ${field.type}, its column is ${column.type}.`,
        cure: 'Make the schema and the table agree.',
      }
}

/** A list of a `type` is one JSON value. */
function isListInJson(field: Field, column: CatalogColumn): boolean {
  return field.typeDef !== undefined && (column.type === 'jsonb' || column.type === 'json')
}

function plain(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value
}

function fingerprintOf(schema: SchemaDef, catalog: Catalog, tables: ReadonlyMap<string, Model | JoinTable>): string {
  const hash = createHash('sha256')
  hash.update(JSON.stringify([schema.provider, schema.models, schema.enums, schema.typeDefs, schema.authType], plain))
  hash.update(JSON.stringify([catalog.encoding, catalog.timeZone, catalog.collations]))
  for (const key of [...tables.keys()].sort()) hash.update(JSON.stringify([key, catalog.tables[key] ?? null]))
  return hash.digest('base64url').slice(0, 22)
}
