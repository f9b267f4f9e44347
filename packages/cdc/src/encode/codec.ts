import type { ByteSource } from '../byte-source.ts'
import type { JsonWriter } from './json-writer.ts'

/** How the text that Postgres prints for a value becomes the JSON text that Debezium writes for it. */
export interface Codec {
  /** JSON text of one value that is not NULL. */
  encode: (text: string) => string
  /** The same from bytes to bytes. */
  write: WriteValue
  /** JSON text that stands for "not sent, not changed" where the replica identity is not FULL. */
  placeholder: string
  /** JSON text that Debezium invents for a NOT NULL column that was not sent. */
  zero: string
}

/** Writes the value in `source` from `start` to `end`. */
export type WriteValue = (out: JsonWriter, source: ByteSource, start: number, end: number) => void

/** Debezium's `unavailable.value.placeholder`. */
export const UNAVAILABLE = '__debezium_unavailable_value'
export const UNAVAILABLE_TEXT: string = JSON.stringify(UNAVAILABLE)

export const asIs = (text: string): string => text
const asString = (text: string): string => JSON.stringify(text)
/** For text that never holds a quote, a backslash or a control character. */
export const asPlainString = (text: string): string => `"${text}"`

export const writeAsIs: WriteValue = (out, source, start, end) => out.copy(source.bytes, start, end)
export const writeAsString: WriteValue = (out, source, start, end) => out.string(source, start, end)

/** A codec whose values need no more than `encode`; `write` where the type is common enough to spare it the way through text. */
export function textCodec(encode: (text: string) => string, zero: string, write: WriteValue = writeEncoded(encode)): Codec {
  return { encode, write, placeholder: UNAVAILABLE_TEXT, zero }
}

/** A codec of strings. */
export function stringCodec(): Codec {
  return textCodec(asString, '""', writeAsString)
}

/** From bytes to bytes by way of text. */
function writeEncoded(encode: (text: string) => string): WriteValue {
  return (out, source, start, end) => out.text(encode(readText(source, start, end)))
}

export function readText({ bytes }: ByteSource, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8')
}
