import type { HandleMessage } from './pgoutput/messages.ts'

export interface MessageHoldOptions {
  onMessage: HandleMessage
  /** The stream should pause, or may go on. */
  onPause: (isPaused: boolean) => void
  onError: (error: unknown) => void
}

interface HeldMessage {
  bytes: Buffer
  lsn: number
}

/**
 * Lets messages wait while something has to be known before they can be read: rows of a new table before the catalog has told what it is.
 * Begins by holding.
 */
export class MessageHold {
  readonly #options: MessageHoldOptions
  #held: HeldMessage[] = []
  #isHolding = true
  #isClosed = false

  constructor(options: MessageHoldOptions) {
    this.#options = options
  }

  get isHolding(): boolean {
    return this.#isHolding
  }

  receive(bytes: Buffer, start: number, end: number, lsn: number): void {
    // The connection uses its bytes again, so what waits is copied.
    if (this.#isHolding) this.#held.push({ bytes: Buffer.from(bytes.subarray(start, end)), lsn })
    else this.#options.onMessage(bytes, start, end, lsn)
  }

  /** Lets what comes wait until `work` is done. */
  hold(work: () => Promise<void>): void {
    this.#isHolding = true
    this.#options.onPause(true)
    work().then(() => this.release(), this.#options.onError)
  }

  release(): void {
    this.#isHolding = false
    const held = this.#held
    let next = 0
    try {
      // A held message may itself ask for a hold: then the rest goes on waiting.
      while (next < held.length && !this.#isHolding && !this.#isClosed) {
        const message = held[next++]
        if (message !== undefined) this.#options.onMessage(message.bytes, 0, message.bytes.length, message.lsn)
      }
    } catch (error) {
      this.#options.onError(error)
    }
    this.#held = held.slice(next)
    if (!this.#isHolding) this.#options.onPause(false)
  }

  /** What waits is dropped. */
  close(): void {
    this.#isClosed = true
    this.#held = []
  }
}
