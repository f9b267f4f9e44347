import type { EdgeDatabase } from '../database/edge-database.ts'
import { within } from '../within.ts'
import type { Hub } from './hub.ts'

/** How long whoever asks waits for a mark to arrive: a capture that runs needs some milliseconds. */
const PATIENCE_MS = 500

interface Mark {
  readonly atMs: number
  /** Of the hub: a log that began anew may never reach what was marked before. */
  readonly era: number
}

/** Tells how far the capture is behind, by marks in the write-ahead log that the change log must pass. Written when somebody asks, never by itself. */
export class CaptureWatch {
  readonly #database: Pick<EdgeDatabase, 'markNow'>
  readonly #hub: Pick<Hub, 'whenPassed' | 'era'>
  /** The oldest that the change log has not passed. */
  #missing: Mark | undefined

  constructor({ database, hub }: { database: Pick<EdgeDatabase, 'markNow'>; hub: Pick<Hub, 'whenPassed' | 'era'> }) {
    this.#database = database
    this.#hub = hub
  }

  /**
   * For how long what was committed has not come into the change log, in milliseconds; while it does, how long that takes.
   *
   * @throws {LiveError} `database_unavailable`
   */
  async behindMs(): Promise<number> {
    const known = this.#missing
    if (known?.era === this.#hub.era) return performance.now() - known.atMs
    const mark: Mark = { atMs: performance.now(), era: this.#hub.era }
    const age = (): number => performance.now() - mark.atMs
    const lsn = await this.#database.markNow()
    this.#missing = mark
    const passed = new Promise<number>((resolve) => {
      this.#hub.whenPassed(lsn, () => {
        if (this.#missing === mark) this.#missing = undefined
        resolve(age())
      })
    })
    return (await within(passed, PATIENCE_MS)) ?? age()
  }
}
