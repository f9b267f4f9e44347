/** How the text that Postgres prints for a value becomes the JSON text that Debezium writes for it. */
export interface Codec {
  /** JSON text of one value that is not NULL. */
  encode: (text: string) => string
  /** The text is ASCII, which is cheaper to read from bytes. */
  isAscii: boolean
  /** JSON text that stands for "not sent, not changed" where the replica identity is not FULL. */
  placeholder: string
  /** JSON text that Debezium invents for a NOT NULL column that was not sent. */
  zero: string
}

/** Debezium's `unavailable.value.placeholder`. */
export const UNAVAILABLE = '__debezium_unavailable_value'
export const UNAVAILABLE_TEXT: string = JSON.stringify(UNAVAILABLE)

export const asIs = (text: string): string => text
export const asString = (text: string): string => JSON.stringify(text)
/** For text that never holds a quote, a backslash or a control character. */
export const asPlainString = (text: string): string => `"${text}"`

/** A codec whose values are ASCII and need no more than `encode`. */
export function asciiCodec(encode: (text: string) => string, zero: string): Codec {
  return { encode, isAscii: true, placeholder: UNAVAILABLE_TEXT, zero }
}

export function textCodec(encode: (text: string) => string = asString, zero = '""'): Codec {
  return { encode, isAscii: false, placeholder: UNAVAILABLE_TEXT, zero }
}
