import type { Field } from '@zenstack-live/model'
import type { Domain } from './domain.ts'
import { domainOf } from './domain-of.ts'
import { textInput } from './text.ts'

/** Columns whose element type is the one ZenStack casts list parameters to. Lists of other types fail or cast in Postgres. */
const SAME_TYPE: Record<string, string> = {
  String: 'text',
  Int: 'int4',
  BigInt: 'int8',
  Float: 'float8',
  Decimal: 'numeric',
  Boolean: 'bool',
  DateTime: 'timestamp',
  Bytes: 'bytea',
}

/** How elements of a list column are compared. */
export function elementDomainOf(field: Field): Domain | undefined {
  if (field.type === 'Enum') return LABELS
  return SAME_TYPE[field.type] === field.columnType ? domainOf(field) : undefined
}

/** Enum lists are compared as text, and members are not mapped to labels. */
const LABELS: Domain<string> = {
  ofInput: textInput,
  ofStored: (stored) => stored as string,
  equals: (a, b) => a === b,
}
