/** Tells a reader that takes nothing from one that is slow: each byte taken begins the time anew. */
export class StallWatch {
  #sinceMs: number | undefined
  #mark = 0

  get isStalled(): boolean {
    return this.#sinceMs !== undefined
  }

  /** @param mark - changes when something of what waits is taken */
  begin(nowMs: number, mark: number): void {
    this.#sinceMs = nowMs
    this.#mark = mark
  }

  end(): void {
    this.#sinceMs = undefined
  }

  isOverdue(nowMs: number, mark: number, maxStallMs: number): boolean {
    if (this.#sinceMs === undefined) return false
    if (mark !== this.#mark) this.begin(nowMs, mark)
    return nowMs - this.#sinceMs >= maxStallMs
  }
}
