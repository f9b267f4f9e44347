import { viewOf, type ByteSource } from '../byte-source.ts'
import { writeDigits } from './digits.ts'

const FIRST_BYTES = 64 * 1024
/** A buffer that one very large row has made larger than this is let go. */
const MAX_IDLE_BYTES = 8 * 1024 * 1024
/** Below this many bytes a loop is faster than a call into the runtime. */
const SHORT_BYTES = 16
/** UTF-8 takes at most this many bytes for one UTF-16 unit. */
const MAX_BYTES_PER_CHAR = 3
/** `\u001f`, the longest that one byte can become. */
const MAX_BYTES_PER_ESCAPE = 6
/** A sign and the digits of a safe integer. */
const MAX_NUMBER_BYTES = 17

const [QUOTE, BACKSLASH, SPACE, MINUS, LOWER_U, ZERO] = [34, 92, 32, 45, 117, 48]
const HEX = Buffer.from('0123456789abcdef')
/** Second byte of the short escapes, as `JSON.stringify` chooses them. */
const SHORT_ESCAPES = new Map([8, 9, 10, 12, 13].map((code, index) => [code, 'btnfr'.charCodeAt(index)]))

/**
 * Writes JSON text into bytes that are used again for the next row. Values go from the socket's bytes to these without becoming text
 * in between, and what comes out is one flat string: concatenation would leave a tree of pieces for the garbage collector, which a
 * queue of rows then keeps alive.
 */
export class JsonWriter {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #view = viewOf(this.#bytes)
  #end = 0

  /** Bytes since the last `take`. */
  get length(): number {
    return this.#end
  }

  /** Text that is JSON already. */
  text(text: string): void {
    this.#reserve(text.length * MAX_BYTES_PER_CHAR)
    this.#end += this.#bytes.write(text, this.#end, 'utf8')
  }

  /** Bytes that are JSON already, all of them: what is written again and again is made once, by {@link jsonBytes}. */
  literal(source: Uint8Array): void {
    const { length } = source
    this.#reserve(length)
    const bytes = this.#bytes
    if (length > SHORT_BYTES) bytes.set(source, this.#end)
    else for (let index = 0, at = this.#end; index < length; index++) bytes[at++] = source[index] ?? 0
    this.#end += length
  }

  /** ASCII bytes that are JSON already. */
  copy(source: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start)
    const bytes = this.#bytes
    let at = this.#end
    for (let index = start; index < end; index++) bytes[at++] = source[index] ?? 0
    this.#end = at
  }

  /** Once more what stands between two lengths. */
  again(from: number, to: number): void {
    this.#reserve(to - from)
    this.#bytes.copyWithin(this.#end, from, to)
    this.#end += to - from
  }

  /** A safe integer. */
  number(value: number): void {
    this.#reserve(MAX_NUMBER_BYTES)
    if (value < 0) this.#bytes[this.#end++] = MINUS
    this.#end = writeDigits(this.#bytes, this.#end, Math.abs(value))
  }

  /** UTF-8 bytes as a JSON string. */
  string({ bytes: source, view }: ByteSource, start: number, end: number): void {
    this.#reserve((end - start) * MAX_BYTES_PER_ESCAPE + 2)
    const [bytes, target] = [this.#bytes, this.#view]
    let at = this.#end
    let index = start
    bytes[at++] = QUOTE
    while (index < end) {
      // Four at a time, up to one that needs an escape.
      for (; index + 4 <= end; index += 4, at += 4) {
        const word = view.getInt32(index, true)
        if (needsEscape(word)) break
        target.setInt32(at, word, true)
      }
      for (const stop = Math.min(index + 4, end); index < stop; index++) {
        const byte = source[index] ?? 0
        if (byte >= SPACE && byte !== QUOTE && byte !== BACKSLASH) bytes[at++] = byte
        else at = writeEscape(bytes, at, byte)
      }
    }
    bytes[at++] = QUOTE
    this.#end = at
  }

  /** What was written since the last call. */
  take(): string {
    const text = this.#bytes.toString('utf8', 0, this.#end)
    this.forget()
    return text
  }

  /** Begins anew, without what was written since the last `take`. */
  forget(): void {
    this.#end = 0
    if (this.#bytes.length > MAX_IDLE_BYTES) this.#use(Buffer.allocUnsafeSlow(FIRST_BYTES))
  }

  #reserve(bytes: number): void {
    const needed = this.#end + bytes
    if (needed > this.#bytes.length) this.#grow(needed)
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(grown, 0, 0, this.#end)
    this.#use(grown)
  }

  #use(bytes: Buffer<ArrayBuffer>): void {
    this.#bytes = bytes
    this.#view = viewOf(bytes)
  }
}

/** For {@link JsonWriter.literal}. */
export function jsonBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/**
 * Whether one of the four bytes is a control character, a quote (0x22) or a backslash (0x5c). The numbers stand here as such because
 * the compiler then knows that they are whole.
 *
 * @see https://graphics.stanford.edu/~seander/bithacks.html#HasLessInWord
 */
function needsEscape(word: number): boolean {
  const quotes = word ^ 0x2222_2222
  const backslashes = word ^ 0x5c5c_5c5c
  const isControl = (word - 0x2020_2020) & ~word
  const isQuote = (quotes - 0x0101_0101) & ~quotes
  const isBackslash = (backslashes - 0x0101_0101) & ~backslashes
  return ((isControl | isQuote | isBackslash) & 0x8080_8080) !== 0
}

/** @returns the place after it */
function writeEscape(bytes: Uint8Array, start: number, byte: number): number {
  let at = start
  bytes[at++] = BACKSLASH
  const short = byte === QUOTE || byte === BACKSLASH ? byte : SHORT_ESCAPES.get(byte)
  if (short !== undefined) {
    bytes[at++] = short
    return at
  }
  bytes[at++] = LOWER_U
  bytes[at++] = ZERO
  bytes[at++] = ZERO
  bytes[at++] = HEX[byte >> 4] ?? ZERO
  bytes[at++] = HEX[byte & 15] ?? ZERO
  return at
}
