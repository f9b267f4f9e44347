import type { JsonWriter } from './json-writer.ts'

/** How the text that Postgres prints for a value becomes the JSON text that Debezium writes for it. */
export interface Codec {
  /** JSON text of one value that is not NULL. */
  encode: (text: string) => string
  /** The same from bytes to bytes, for the commonest types. */
  write?: WriteValue
  /** The text is ASCII, which is cheaper to read from bytes. */
  isAscii: boolean
  /** JSON text that stands for "not sent, not changed" where the replica identity is not FULL. */
  placeholder: string
  /** JSON text that Debezium invents for a NOT NULL column that was not sent. */
  zero: string
}

/** Writes the value in `bytes` from `start` to `end`. */
export type WriteValue = (out: JsonWriter, bytes: Uint8Array, start: number, end: number) => void

/** Debezium's `unavailable.value.placeholder`. */
export const UNAVAILABLE = '__debezium_unavailable_value'
export const UNAVAILABLE_TEXT: string = JSON.stringify(UNAVAILABLE)

export const asIs = (text: string): string => text
export const asString = (text: string): string => JSON.stringify(text)
/** For text that never holds a quote, a backslash or a control character. */
export const asPlainString = (text: string): string => `"${text}"`

export const writeAsIs: WriteValue = (out, bytes, start, end) => out.copy(bytes, start, end)
export const writeAsString: WriteValue = (out, bytes, start, end) => out.string(bytes, start, end)

/** A codec whose values are ASCII and need no more than `encode`. */
export function asciiCodec(encode: (text: string) => string, zero: string, write?: WriteValue): Codec {
  return { encode, ...(write === undefined ? {} : { write }), isAscii: true, placeholder: UNAVAILABLE_TEXT, zero }
}

/** A codec of strings. */
export function stringCodec(): Codec {
  return { ...textCodec(asString, '""'), write: writeAsString }
}

export function textCodec(encode: (text: string) => string, zero: string): Codec {
  return { encode, isAscii: false, placeholder: UNAVAILABLE_TEXT, zero }
}
