/** How many streams each person has open, of whatever kind. Whom nothing names is not counted. */
export class StreamTally {
  readonly #counts = new Map<string, number>()

  of(key: string): number {
    return this.#counts.get(key) ?? 0
  }

  add(key: string | undefined): void {
    if (key !== undefined) this.#counts.set(key, this.of(key) + 1)
  }

  take(key: string | undefined): void {
    if (key === undefined) return
    const count = this.of(key) - 1
    if (count > 0) this.#counts.set(key, count)
    else this.#counts.delete(key)
  }
}
