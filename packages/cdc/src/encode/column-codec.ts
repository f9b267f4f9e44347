import { encodeArray } from './array.ts'
import { stringCodec, textCodec, UNAVAILABLE, UNAVAILABLE_TEXT, type Codec } from './codec.ts'
import { SCALARS } from './scalars.ts'

/** What `pg_type` says of a type. */
export interface TypeFacts {
  oid: number
  name: string
  /** `b`ase, `c`omposite, `d`omain, `e`num, `p`seudo, `r`ange, `m`ultirange. */
  kind: string
  /** Of a domain. */
  baseOid: number
  baseTypmod: number
  /** Of an array; 0 for all others. */
  elementOid: number
}

export type Types = ReadonlyMap<number, TypeFacts>

// Arrays of these have no representation in Debezium: the column is left out, as there.
const NO_ARRAY = new Set(['money', 'interval', 'name', 'xml', 'point', 'bit', 'varbit', 'char', 'vector', 'halfvec'])

/** Written instead of an array that was not sent: the placeholder's bytes, or a UUID made of them. */
const UNAVAILABLE_BYTES = JSON.stringify([...Buffer.from(UNAVAILABLE)])
const UNAVAILABLE_UUIDS = '["b68a35a7-17ad-35b3-af2a-ae46edb4545a"]'

/** The codec of a column, or `undefined` for a type that is not captured. Domains are read through to what they are made of. */
export function columnCodec(types: Types, typeOid: number, typmod: number): Codec | undefined {
  const type = types.get(typeOid)
  if (type === undefined) return undefined
  if (type.kind === 'd') return columnCodec(types, type.baseOid, type.baseTypmod >= 0 ? type.baseTypmod : typmod)
  if (type.kind === 'e') return stringCodec()
  if (type.elementOid !== 0) return arrayCodec(types, type.elementOid, typmod)
  return scalarCodec(type, typmod)
}

function scalarCodec(type: TypeFacts, typmod: number): Codec | undefined {
  // Composite types and ranges share the name space with tables and users' types: only the ones we know pass.
  const make = type.kind === 'b' || type.kind === 'r' ? SCALARS[type.name] : undefined
  return Object.hasOwn(SCALARS, type.name) ? make?.(typmod) : undefined
}

function arrayCodec(types: Types, elementOid: number, typmod: number): Codec | undefined {
  const element = types.get(elementOid)
  if (element === undefined || element.elementOid !== 0 || NO_ARRAY.has(element.name)) return undefined
  const codec = columnCodec(types, elementOid, typmod)
  if (codec === undefined) return undefined
  return { ...textCodec((text) => encodeArray(text, codec.encode), '[]'), placeholder: arrayPlaceholder(element.name, codec) }
}

function arrayPlaceholder(elementName: string, codec: Codec): string {
  if (['int2', 'int4', 'int8', 'date'].includes(elementName)) return UNAVAILABLE_BYTES
  if (elementName === 'uuid') return UNAVAILABLE_UUIDS
  if (elementName === 'bytea') return `[${codec.placeholder}]`
  return `[${UNAVAILABLE_TEXT}]`
}
