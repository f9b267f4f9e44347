/** A table whose changes are captured. */
export interface CapturedTable {
  schema: string
  name: string
  /** Only values of these columns, and of the key, leave the database; all by default. */
  columns?: readonly string[]
}

/** `schema.table`: how tables are named in marks, messages and reports. */
export function tableName(table: { schema: string; name: string }): string {
  return `${table.schema}.${table.name}`
}
