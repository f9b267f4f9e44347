/** Code that is loaded beside what runs already. What does not arrive is asked for again, for as long as someone wants it. */
export class LazyCode<Code> {
  /** Never rejects. */
  readonly arrival: Promise<Code>
  #arrive: (code: Code) => void = () => {}
  readonly #load: () => Promise<Code>
  readonly #retryMs: number
  readonly #isWanted: () => boolean
  #isAsked = false
  #retry: ReturnType<typeof setTimeout> | undefined

  /**
   * @param onArrival - called once, before those who wait for `arrival` go on
   */
  constructor(load: () => Promise<Code>, retryMs: number, isWanted: () => boolean, onArrival: (code: Code) => void) {
    this.arrival = new Promise((resolve) => {
      this.#arrive = (code) => {
        onArrival(code)
        resolve(code)
      }
    })
    this.#load = load
    this.#retryMs = retryMs
    this.#isWanted = isWanted
  }

  /** Someone wants it: loads it, unless that was begun before. */
  ask(): void {
    if (this.#isAsked || !this.#isWanted()) return
    clearTimeout(this.#retry)
    this.#isAsked = true
    this.#load().then(this.#arrive, () => {
      this.#isAsked = false
      this.#retry = setTimeout(() => this.ask(), this.#retryMs)
    })
  }
}
