import type { Field } from '@zenstack-live/model'
import type { Domain } from './domain.ts'
import { BIG_INTEGERS, DOUBLES, NUMERICS, SINGLES, wholeNumbers } from './number.ts'
import { textDomain } from './text.ts'
import { timeDomain } from './time.ts'

const BOOLEANS: Domain<boolean> = {
  ofInput: (input) => (typeof input === 'boolean' ? input : undefined),
  ofStored: (stored) => stored as boolean,
  equals: (a, b) => a === b,
  compare: (a, b) => Number(a) - Number(b),
}

const BYTES: Domain<Uint8Array> = {
  ofInput: (input) => (input instanceof Uint8Array ? input : undefined),
  ofStored: (stored) => stored as Uint8Array,
  equals: (a, b) => Buffer.compare(a, b) === 0,
  compare: (a, b) => Buffer.compare(a, b),
}

/** How Postgres compares values of this column; `undefined` where only Postgres knows. Json has rules of its own. */
export function domainOf(field: Field): Domain | undefined {
  switch (field.type) {
    case 'String':
      return textDomain(field)
    case 'Int':
      return field.columnType === 'int4' ? INT4 : field.columnType === 'int2' ? INT2 : undefined
    case 'BigInt':
      return BIG_INTEGERS
    case 'Float':
      return field.columnType === 'float4' ? SINGLES : DOUBLES
    case 'Decimal':
      return field.columnType === 'numeric' ? NUMERICS : undefined
    case 'Boolean':
      return BOOLEANS
    case 'DateTime':
      return timeDomain(field)
    case 'Bytes':
      return BYTES
    case 'Enum':
      return enumDomain(field)
    default:
      return undefined
  }
}

const INT2 = wholeNumbers(16)
const INT4 = wholeNumbers(32)

/** Labels of the database; members are sent under their mapped names. Order is that of the type's definition. */
function enumDomain(field: Field): Domain<string> {
  const labels = field.labels
  const places = new Map(labels?.order.map((label, index) => [label, index]))
  return {
    ofInput(input) {
      const label = typeof input === 'string' ? (labels?.labelOf.get(input) ?? input) : undefined
      return label !== undefined && places.has(label) ? label : undefined
    },
    ofStored: (stored) => stored as string,
    equals: (a, b) => a === b,
    compare: (a, b) => (places.get(a) ?? 0) - (places.get(b) ?? 0),
  }
}
