import { setImmediate as nextTurn } from 'node:timers/promises'

/** A stream whose id can move without anything else. */
export interface Moving {
  moveId(): void
}

const MOVE_EVERY_MS = 250
/** Of all time, at the most: thousands of quiet streams cost thousands of writes, whoever asked. */
const MOVE_SHARE = 1 / 20
/** In one turn of the event loop. */
const AT_ONCE = 256

/** Lets quiet streams know how far the log has come: someone waits for a write of theirs, and nobody knows on which stream. */
export class IdMover {
  readonly #streams: Iterable<Moving>
  #isWanted = false
  #isMoving = false
  #isClosed = false
  #timer: NodeJS.Timeout | undefined
  #notBeforeMs = 0

  constructor(streams: Iterable<Moving>) {
    this.#streams = streams
  }

  soon(): void {
    this.#isWanted = true
    this.#plan()
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  #plan(): void {
    if (!this.#isWanted || this.#isMoving || this.#isClosed || this.#timer !== undefined) return
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        void this.#move()
      },
      Math.max(0, this.#notBeforeMs - performance.now()),
    )
  }

  async #move(): Promise<void> {
    this.#isWanted = false
    this.#isMoving = true
    let tookMs = 0
    try {
      const streams = [...this.#streams]
      for (let from = 0; from < streams.length && !this.#isClosed; from += AT_ONCE) {
        const startedMs = performance.now()
        for (const stream of streams.slice(from, from + AT_ONCE)) stream.moveId()
        tookMs += performance.now() - startedMs
        await nextTurn()
      }
    } finally {
      this.#isMoving = false
      this.#notBeforeMs = performance.now() + Math.max(MOVE_EVERY_MS, tookMs / MOVE_SHARE)
    }
    // Those who were looked at first may have to move again.
    this.#plan()
  }
}
