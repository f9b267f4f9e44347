import type { FieldDef, ModelDef, SchemaDef } from '@zenstackhq/schema'

const TYPES: Record<string, string> = {
  String: 'text',
  Boolean: 'boolean',
  Int: 'integer',
  BigInt: 'bigint',
  Float: 'double precision',
  Decimal: 'numeric',
  DateTime: 'timestamp',
  Bytes: 'bytea',
  Json: 'jsonb',
}

const NATIVE_TYPES: Record<string, string> = {
  '@db.Uuid': 'uuid',
  '@db.Char': 'char',
  '@db.VarChar': 'varchar',
  '@db.Text': 'text',
  '@db.Date': 'date',
  '@db.Time': 'time',
  '@db.Timetz': 'timetz',
  '@db.Timestamp': 'timestamp',
  '@db.Timestamptz': 'timestamptz',
  '@db.SmallInt': 'smallint',
  '@db.Real': 'real',
  '@db.Decimal': 'numeric',
  '@db.Oid': 'oid',
  '@db.Money': 'money',
  '@db.Citext': 'citext',
  '@db.Inet': 'inet',
  '@db.Xml': 'xml',
  '@db.Bit': 'bit',
  '@db.VarBit': 'varbit',
  '@db.Json': 'json',
}

/** The statements that make a schema's tables, with the types, names and schemas that ZenStack reads them by. */
export function createTables(schema: SchemaDef): string[] {
  const statements: string[] = []
  for (const definition of Object.values(schema.enums ?? {})) {
    const labels = Object.keys(definition.values).map((member) => `'${mapped(definition.fields?.[member]?.attributes) ?? member}'`)
    statements.push(`CREATE TYPE "${mapped(definition.attributes) ?? definition.name}" AS ENUM (${labels.join(', ')})`)
  }
  const models = Object.values(schema.models)
  for (const model of models) statements.push(...createTable(schema, model))
  for (const model of models) statements.push(...addKeys(schema, model))
  return statements
}

/** `"schema"."table"`. */
export function tableOf(schema: SchemaDef, model: ModelDef): string {
  const name = model.attributes?.find((each) => each.name === '@@schema')?.args?.[0]?.value
  const schemaName = name?.kind === 'literal' ? String(name.value) : (schema.provider.defaultSchema ?? 'public')
  return `"${schemaName}"."${mapped(model.attributes) ?? model.name}"`
}

function columnOf(field: FieldDef): string {
  return mapped(field.attributes) ?? field.name
}

function createTable(schema: SchemaDef, model: ModelDef): string[] {
  const table = tableOf(schema, model)
  const fields = Object.values(model.fields).filter(
    (field) => field.relation === undefined && field.computed !== true && field.type !== 'Unsupported',
  )
  const columns = fields
    .filter((field) => field.originModel === undefined || field.id === true)
    .map((field) => {
      const isRequired = (field.optional !== true && field.array !== true) || model.idFields.includes(field.name)
      return `"${columnOf(field)}" ${columnType(schema, field)}${isRequired ? ' NOT NULL' : ''}`
    })
  const key = model.idFields.map((name) => `"${columnName(model, name)}"`)
  return [
    `CREATE SCHEMA IF NOT EXISTS ${table.split('.')[0] ?? 'public'}`,
    `CREATE TABLE ${table} (${[...columns, ...(key.length > 0 ? [`PRIMARY KEY (${key.join(', ')})`] : [])].join(', ')})`,
    `ALTER TABLE ${table} REPLICA IDENTITY FULL`,
  ]
}

function addKeys(schema: SchemaDef, model: ModelDef): string[] {
  return Object.values(model.fields).flatMap((field) => {
    const other = schema.models[field.type]
    if (field.relation?.fields === undefined || other === undefined || field.originModel !== undefined) return []
    const own = field.relation.fields.map((name) => `"${columnName(model, name)}"`)
    const references = (field.relation.references ?? []).map((name) => `"${columnName(other, name)}"`)
    return [`ALTER TABLE ${tableOf(schema, model)} ADD FOREIGN KEY (${own.join()}) REFERENCES ${tableOf(schema, other)} (${references.join()})`]
  })
}

function columnName(model: ModelDef, field: string): string {
  const definition = model.fields[field]
  return definition === undefined ? field : columnOf(definition)
}

function columnType(schema: SchemaDef, field: FieldDef): string {
  const enumDef = schema.enums?.[field.type]
  if (enumDef !== undefined) return `"${mapped(enumDef.attributes) ?? enumDef.name}"${field.array === true ? '[]' : ''}`
  if (schema.typeDefs?.[field.type] !== undefined) return 'jsonb'
  const native = field.attributes?.find((each) => each.name.startsWith('@db.'))
  const args = native?.args?.map((arg) => (arg.value.kind === 'literal' ? String(arg.value.value) : '')) ?? []
  const type = (native === undefined ? undefined : NATIVE_TYPES[native.name]) ?? TYPES[field.type] ?? 'text'
  return `${type}${args.length > 0 ? `(${args.join()})` : ''}${field.array === true ? '[]' : ''}`
}

function mapped(attributes: FieldDef['attributes']): string | undefined {
  const value = attributes?.find((each) => each.name === '@map' || each.name === '@@map')?.args?.[0]?.value
  return value?.kind === 'literal' ? String(value.value) : undefined
}
