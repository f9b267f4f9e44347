import type { CatalogColumn } from './catalog.ts'
import type { Field } from './data-model.ts'

/** Which types of columns each type of field may live in; an enum's own type is not listed. */
const COLUMN_TYPES: Record<string, readonly string[]> = {
  String: ['text', 'varchar', 'bpchar', 'uuid', 'citext', 'inet', 'cidr', 'macaddr', 'macaddr8', 'xml', 'bit', 'varbit', 'name', 'ltree'],
  Int: ['int2', 'int4', 'oid'],
  BigInt: ['int8'],
  Float: ['float4', 'float8'],
  Decimal: ['numeric', 'money'],
  Boolean: ['bool'],
  DateTime: ['timestamp', 'timestamptz', 'date', 'time', 'timetz'],
  Bytes: ['bytea'],
  Json: ['json', 'jsonb'],
}

/** Whether this project knows how values of the column become values of the field. */
export function isColumnTypeOf(field: Field, column: CatalogColumn): boolean {
  return field.type === 'Enum' ? column.enumLabels !== undefined : (COLUMN_TYPES[field.type] ?? []).includes(column.type)
}
