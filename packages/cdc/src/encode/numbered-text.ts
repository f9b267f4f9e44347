import { digitsOf, writeDigits } from './digits.ts'

/**
 * JSON text around numbers. From one call to the next the numbers change, and nearly always neither the text nor how long they are:
 * then only the digits that differ are written.
 */
export class NumberedText {
  readonly #parts: readonly string[]
  readonly #numbers: number[]
  readonly #places: number[] = []
  #bytes = new Uint8Array()

  /** @param parts - one more than there are numbers */
  constructor(parts: readonly string[]) {
    this.#parts = parts
    this.#numbers = parts.slice(1).map(() => Number.NaN)
  }

  /** The text with these safe integers in it; good until the next call. */
  with(numbers: readonly number[]): Uint8Array {
    const [known, places] = [this.#numbers, this.#places]
    for (let index = 0; index < known.length; index++) {
      const [before, now] = [known[index] ?? 0, numbers[index] ?? 0]
      if (before === now) continue
      // Also true of the first call, and of negative numbers, which have no digits here.
      if (digitsOf(before) !== digitsOf(now) || !(now >= 0)) return this.#build(numbers)
      writeDigits(this.#bytes, places[index] ?? 0, now)
      known[index] = now
    }
    return this.#bytes
  }

  #build(numbers: readonly number[]): Uint8Array {
    let text = this.#parts[0] ?? ''
    for (let index = 0; index < this.#numbers.length; index++) {
      const number = numbers[index] ?? 0
      this.#numbers[index] = number
      this.#places[index] = Buffer.byteLength(text)
      text += number + (this.#parts[index + 1] ?? '')
    }
    this.#bytes = new TextEncoder().encode(text)
    return this.#bytes
  }
}
