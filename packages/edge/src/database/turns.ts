export interface Turn<Owner, Item> {
  readonly of: Owner
  /** At least one. */
  readonly taken: Item[]
}

/** What waits, each owner's in its order; the owners take turns. */
export class Turns<Owner, Item> {
  readonly #most: number
  readonly #queues = new Map<Owner, Item[]>()

  /** @param most - items of one turn */
  constructor(most: number) {
    this.#most = most
  }

  add(of: Owner, items: readonly Item[]): void {
    const queue = this.#queues.get(of)
    if (queue !== undefined) queue.push(...items)
    else if (items.length > 0) this.#queues.set(of, [...items])
  }

  take(): Turn<Owner, Item> | undefined {
    const [next] = this.#queues
    if (next === undefined) return undefined
    const [of, queue] = next
    const taken = queue.splice(0, this.#most)
    // Whoever wants more is last in line again.
    this.#queues.delete(of)
    if (queue.length > 0) this.#queues.set(of, queue)
    return { of, taken }
  }
}
