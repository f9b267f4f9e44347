const [LF, MINUS, ZERO, ARRAY] = [10, 45, 48, 42]
const LINE_END_BYTES = 2
const MAX_ASCII = 127

/** Reads the values of one whole reply in turn, by someone who knows which ones come. */
export class RespReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** Whether a list comes next. */
  isList(): boolean {
    return this.#bytes[this.#at] === ARRAY
  }

  /** Enters a list or a map. @returns its length; 0 for a null */
  count(): number {
    const bytes = this.#bytes
    let [at, number] = [this.#at + 1, 0]
    if (bytes[at] === MINUS) {
      this.#at = bytes.indexOf(LF, at) + 1
      return 0
    }
    // Up to the line end, whose second half is stepped over.
    for (let digit = (bytes[at++] ?? 0) - ZERO; digit >= 0; digit = (bytes[at++] ?? 0) - ZERO) number = number * 10 + digit
    this.#at = at + 1
    return number
  }

  /** @param guess - a text that the blob may hold: then no new one is made */
  blob(guess?: string): string {
    const length = this.count()
    const start = this.#at
    this.#at = start + length + LINE_END_BYTES
    if (guess !== undefined && this.#says(guess, start, length)) return guess
    return this.#bytes.toString('utf8', start, start + length)
  }

  #says(text: string, start: number, length: number): boolean {
    if (text.length !== length) return false
    for (let index = 0; index < length; index++) {
      const byte = this.#bytes[start + index] ?? 0
      // Bytes and characters are the same in ASCII only.
      if (byte > MAX_ASCII || byte !== text.charCodeAt(index)) return false
    }
    return true
  }
}
