import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Lsn } from '@zenstack-live/protocol'
import type { Hub } from '../log/hub.ts'

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
  readonly #hub: Pick<Hub, 'whenPassed'>
  /** The place that is waited for, and the furthest of those asked for since: however many are asked for while the log stands still, one waits. */
  #waiting: { cancel(): void; next: Lsn | undefined } | undefined

  constructor(streams: Iterable<Moving>, hub: Pick<Hub, 'whenPassed'>) {
    this.#streams = streams
    this.#hub = hub
  }

  /** When the log has passed a place. */
  after(lsn: Lsn): void {
    const known = this.#waiting
    if (known !== undefined) {
      if (known.next === undefined || known.next < lsn) known.next = lsn
      return
    }
    const waiting = (this.#waiting = { cancel: () => {}, next: undefined as Lsn | undefined })
    waiting.cancel = this.#hub.whenPassed(lsn, () => {
      this.#waiting = undefined
      this.soon()
      if (waiting.next !== undefined) this.after(waiting.next)
    })
  }

  /** The log began anew, and may never come to a place of the one before. */
  onReset(): void {
    this.#waiting?.cancel()
    this.#waiting = undefined
    this.soon()
  }

  soon(): void {
    this.#isWanted = true
    this.#plan()
  }

  close(): void {
    this.#isClosed = true
    this.#waiting?.cancel()
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
