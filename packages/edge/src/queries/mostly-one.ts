/** More than one. */
class Several<Item> extends Set<Item> {}

/** A set that mostly holds one item, or none: there are thousands, and a set of its own would take more than what else belongs to most of them. */
export class MostlyOne<Item extends object> {
  #items: Item | Several<Item> | undefined

  get size(): number {
    return this.#items instanceof Several ? this.#items.size : this.#items === undefined ? 0 : 1
  }

  /** The one item; `undefined` where there are several, or were, or there is none. */
  get only(): Item | undefined {
    return this.#items instanceof Several ? undefined : this.#items
  }

  has(item: Item): boolean {
    return this.#items instanceof Several ? this.#items.has(item) : this.#items === item
  }

  add(item: Item): void {
    if (this.#items instanceof Several) this.#items.add(item)
    else if (this.#items === undefined) this.#items = item
    else if (this.#items !== item) this.#items = new Several([this.#items, item])
  }

  /** @returns whether it was there */
  delete(item: Item): boolean {
    if (this.#items instanceof Several) return this.#items.delete(item)
    if (this.#items !== item) return false
    this.#items = undefined
    return true
  }

  /** Calls back for each, in the order in which they were added; it may delete them. */
  forEach(visit: (item: Item) => void): void {
    if (this.#items instanceof Several) for (const item of this.#items) visit(item)
    else if (this.#items !== undefined) visit(this.#items)
  }

  /** Those that are there now. */
  toArray(): Item[] {
    return this.#items instanceof Several ? [...this.#items] : this.#items === undefined ? [] : [this.#items]
  }
}
