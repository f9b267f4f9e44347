const FIRST_BYTES = 64 * 1024
/** A buffer that one very large row has made larger than this is let go. */
const MAX_IDLE_BYTES = 8 * 1024 * 1024
/** Below this many characters a loop is faster than the call into the runtime. */
const SHORT_CHARS = 40
/** UTF-8 takes at most this many bytes for one UTF-16 unit. */
const MAX_BYTES_PER_CHAR = 3
/** `\u001f`, the longest that one byte can become. */
const MAX_BYTES_PER_ESCAPE = 6

const [QUOTE, BACKSLASH, SPACE, LOWER_U, ZERO] = [34, 92, 32, 117, 48]
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
  #end = 0
  #isAscii = true

  /** Text that is JSON already. */
  text(text: string): void {
    const { length } = text
    this.#reserve(length * MAX_BYTES_PER_CHAR)
    const [bytes, start] = [this.#bytes, this.#end]
    if (length <= SHORT_CHARS) {
      let index = 0
      for (; index < length; index++) {
        const code = text.charCodeAt(index)
        if (code > 127) break
        bytes[start + index] = code
      }
      if (index === length) {
        this.#end = start + length
        return
      }
    }
    const written = bytes.write(text, start, 'utf8')
    if (written !== length) this.#isAscii = false
    this.#end = start + written
  }

  /** ASCII bytes that are JSON already. */
  copy(source: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start)
    const bytes = this.#bytes
    let at = this.#end
    for (let index = start; index < end; index++) bytes[at++] = source[index] ?? 0
    this.#end = at
  }

  /** UTF-8 bytes as a JSON string. */
  string(source: Uint8Array, start: number, end: number): void {
    this.#reserve((end - start) * MAX_BYTES_PER_ESCAPE + 2)
    const bytes = this.#bytes
    let at = this.#end
    let seen = 0
    bytes[at++] = QUOTE
    for (let index = start; index < end; index++) {
      const byte = source[index] ?? 0
      seen |= byte
      if (byte >= SPACE && byte !== QUOTE && byte !== BACKSLASH) bytes[at++] = byte
      else at = writeEscape(bytes, at, byte)
    }
    bytes[at++] = QUOTE
    if (seen > 127) this.#isAscii = false
    this.#end = at
  }

  /** What was written since the last call. */
  take(): string {
    const text = this.#bytes.toString(this.#isAscii ? 'latin1' : 'utf8', 0, this.#end)
    this.#end = 0
    this.#isAscii = true
    if (this.#bytes.length > MAX_IDLE_BYTES) this.#bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
    return text
  }

  #reserve(bytes: number): void {
    const needed = this.#end + bytes
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(grown, 0, 0, this.#end)
    this.#bytes = grown
  }
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
