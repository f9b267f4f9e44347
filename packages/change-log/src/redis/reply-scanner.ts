const [LF, MINUS, ZERO, NINE] = [10, 45, 48, 57]
const [BLOB, BLOB_ERROR, VERBATIM] = [36, 33, 61]
const [ARRAY, SET, PUSH, MAP, ATTRIBUTE] = [42, 126, 62, 37, 124]
const LINE_END_BYTES = 2

/**
 * Finds where replies of the Redis protocol (2 and 3) end, in chunks cut anywhere, without looking into what they carry: blobs are
 * stepped over by their length.
 *
 * ```
 *   type ──► number … line end ──► blob: step over it ──┐
 *    ▲                        └──► others ──────────────┤
 *    └───────────── values are missing ─────────────────┴── none is missing ──► the reply ends here
 * ```
 * @see https://redis.io/docs/latest/develop/reference/protocol-spec/
 */
export class ReplyScanner {
  /** Values that the present reply still lacks. */
  #missing = 0
  /** Bytes of a blob, and of its line end, still to step over. */
  #skip = 0
  /** Of the line that is being read; 0 between lines. */
  #type = 0
  #number = 0
  #isNegative = false

  /** Where the present reply ends, from `from` on; -1 when it goes on in the next chunk. */
  endOf(chunk: Uint8Array, from: number): number {
    const { length } = chunk
    let at = from
    while (at < length) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, length - at)
        at += step
        this.#skip -= step
      } else if (this.#type === 0) {
        this.#type = chunk[at++] ?? 0
        this.#number = 0
        this.#isNegative = false
        if (this.#missing === 0) this.#missing = 1
      } else {
        const byte = chunk[at++] ?? 0
        if (byte >= ZERO && byte <= NINE) this.#number = this.#number * 10 + byte - ZERO
        else if (byte === MINUS) this.#isNegative = true
        else if (byte === LF) this.#endLine()
      }
      if (this.#missing === 0 && this.#skip === 0) return at
    }
    return -1
  }

  #endLine(): void {
    const type = this.#type
    this.#type = 0
    // The nulls of the second protocol have the length -1.
    const length = this.#isNegative ? 0 : this.#number
    if (type === ARRAY || type === SET || type === PUSH) this.#missing += length - 1
    else if (type === MAP) this.#missing += 2 * length - 1
    else if (type === ATTRIBUTE) this.#missing += 2 * length
    else {
      this.#missing--
      if ((type === BLOB || type === BLOB_ERROR || type === VERBATIM) && !this.#isNegative) this.#skip = length + LINE_END_BYTES
    }
  }
}
