/** Room in front for the count of the arguments, which is known only at the end: `*<count>\r\n`. */
const HEAD_BYTES = 16
const FIRST_BYTES = 64 * 1024
/** Below this many characters a loop is faster than the call into the runtime. */
const SHORT_CHARS = 40
/** UTF-8 takes at most this many bytes for one UTF-16 unit. */
const MAX_BYTES_PER_CHAR = 3
/** `$`, the length, and two line ends. */
const FRAME_BYTES = 16

const [ARRAY, BULK, CR, LF, ZERO] = [42, 36, 13, 10, 48]

/**
 * Writes one command in the Redis protocol, straight into bytes that are used again for the next: no argument becomes an object of
 * its own, which is what costs a client library most of its time.
 *
 * @see https://redis.io/docs/latest/develop/reference/protocol-spec/
 */
export class RespWriter {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #end = HEAD_BYTES
  #count = 0

  /** Bytes that it holds, in use or not. */
  get capacityBytes(): number {
    return this.#bytes.length
  }

  begin(): void {
    this.#end = HEAD_BYTES
    this.#count = 0
  }

  /** Adds one argument. */
  bulk(text: string): void {
    const { length } = text
    this.#reserve(length * MAX_BYTES_PER_CHAR + FRAME_BYTES)
    const bytes = this.#bytes
    // Nearly all text is ASCII, and so as long in bytes: the length goes in front, and is put right where it was not.
    const guess = this.#end + digitsOf(length) + 3
    const written = writeText(bytes, guess, text)
    const start = this.#end + digitsOf(written) + 3
    if (start !== guess) bytes.copyWithin(start, guess, guess + written)
    bytes[this.#end] = BULK
    writeNumber(bytes, start - 2, written)
    bytes[start - 2] = CR
    bytes[start - 1] = LF
    bytes[start + written] = CR
    bytes[start + written + 1] = LF
    this.#end = start + written + 2
    this.#count++
  }

  /** The command; good until the next `begin`. */
  finish(): Buffer {
    const start = HEAD_BYTES - digitsOf(this.#count) - 3
    this.#bytes[start] = ARRAY
    writeNumber(this.#bytes, HEAD_BYTES - 2, this.#count)
    this.#bytes[HEAD_BYTES - 2] = CR
    this.#bytes[HEAD_BYTES - 1] = LF
    return this.#bytes.subarray(start, this.#end)
  }

  #reserve(bytes: number): void {
    const needed = this.#end + bytes
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(grown, 0, 0, this.#end)
    this.#bytes = grown
  }
}

function writeText(bytes: Buffer, at: number, text: string): number {
  const { length } = text
  if (length > SHORT_CHARS) return bytes.write(text, at, 'utf8')
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index)
    if (code > 127) return bytes.write(text, at, 'utf8')
    bytes[at + index] = code
  }
  return length
}

/** Decimal digits that end before `end`. */
function writeNumber(bytes: Buffer, end: number, value: number): void {
  let [at, rest] = [end, value]
  do {
    bytes[--at] = ZERO + (rest % 10)
    rest = Math.floor(rest / 10)
  } while (rest > 0)
}

function digitsOf(value: number): number {
  let digits = 1
  for (let bound = 10; value >= bound; bound *= 10) digits++
  return digits
}
