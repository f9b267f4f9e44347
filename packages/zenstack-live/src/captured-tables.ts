import type { CapturedTable } from '@zenstack-live/cdc'
import type { LiveProjections } from '@zenstack-live/edge'
import type { DataModel, Model } from '@zenstack-live/model'

/**
 * What the capture takes from the database: the models' tables and the tables between them. Of columns, only those that a field
 * stands for, without those that are excluded: their values never reach the log, only the fact that they changed. Of the event tables
 * behind projections nothing is taken but that something came.
 *
 * @param options.exclude - fields, as `model.field`
 * @throws {TypeError} when `exclude` names a field that does not exist
 */
export function capturedTables(
  data: DataModel,
  { exclude = [], projections = {} }: { exclude?: readonly string[]; projections?: LiveProjections } = {},
): CapturedTable[] {
  const excluded = new Set(exclude.map((name) => excludedField(data, name)))
  const models = [...data.models.values()].filter((model) => isCapturable(model.refusal?.reason))
  const joins = data.joinTables.filter((table) => isCapturable(table.refusal?.reason))
  const tables = [
    ...models.map((model) => ({ ...model.table, columns: columnsOf(model, excluded) })),
    ...joins.map((table) => ({ ...table.table, columns: ['A', 'B'] })),
  ]
  return [...tables, ...eventTables(projections).filter((events) => !tables.some((table) => isSameTable(table, events)))]
}

/** Those that the registered projections read, each once. */
function eventTables(projections: LiveProjections): CapturedTable[] {
  const tables = Object.values(projections).flatMap(({ projection }) => projection.tables)
  const captured = tables.map(({ schema, table }) => ({ schema, name: table, columns: [] }))
  return captured.filter((table, index) => captured.findIndex((other) => isSameTable(table, other)) === index)
}

function isSameTable(one: CapturedTable, other: CapturedTable): boolean {
  return one.schema === other.schema && one.name === other.name
}

function columnsOf(model: Model, excluded: ReadonlySet<string>): string[] {
  return [...model.fields.values()]
    .filter((field) => field.isId || !(field.isOmitted || excluded.has(`${model.name}.${field.name}`)))
    .map((field) => field.column)
}

/** A missing replica identity is what setting up mends; the others it cannot. */
function isCapturable(refusal: string | undefined): boolean {
  return refusal === undefined || refusal === 'replica_identity' || refusal === 'column_type' || refusal === 'missing_column'
}

function excludedField(data: DataModel, name: string): string {
  const [modelName = '', fieldName = ''] = name.split('.')
  const model = [...data.models.values()].find((one) => one.name.toLowerCase() === modelName.toLowerCase())
  if (model?.fields.get(fieldName) === undefined)
    throw new TypeError(`exclude names "${name}", but the schema has no such field. Write it as "User.passwordHash".`)
  return `${model.name}.${fieldName}`
}
