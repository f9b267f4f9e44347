import type { Field, StoredJson } from '@zenstack-live/model'
import { jsonInput } from '../json/json-input.ts'
import { isSameJson, type JsonItem } from '../json/json-value.ts'
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
  // A list of mapped members is sent unmapped, and the type does not know them.
  if (field.type === 'Enum') return field.labels?.isMapped === true ? undefined : LABELS
  if (field.type === 'Json') return field.columnType === 'jsonb' ? JSON_ITEMS : undefined
  return SAME_TYPE[field.type] === field.columnType ? domainOf(field) : undefined
}

/** Items of `jsonb[]`. An operand that is a list itself is sent as something else, and null as SQL's. */
const JSON_ITEMS: Domain = {
  ofInput: (input) => (input === null || Array.isArray(input) ? undefined : jsonInput(input)),
  ofStored: (stored) => ({ value: (stored as StoredJson).exact }),
  equals: (a, b) => isSameJson((a as JsonItem).value, (b as JsonItem).value),
}

/** Enum lists are compared as text, and members are not mapped to labels. */
const LABELS: Domain<string> = {
  ofInput: textInput,
  ofStored: (stored) => stored as string,
  equals: (a, b) => a === b,
}
