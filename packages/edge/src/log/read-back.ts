import type { ChangeLog } from '@zenstack-live/change-log'
import type { DataModel } from '@zenstack-live/model'
import type { EntryId, Limits, Lsn } from '@zenstack-live/protocol'
import { Assembler } from './assembler.ts'
import type { Place } from './place.ts'
import type { Transaction } from './transaction.ts'

/** All transactions from a point up to where the head was when they were read. */
export interface Older {
  readonly transactions: readonly Transaction[]
  readonly head: Place
}

export interface ReadBackOptions {
  log: Pick<ChangeLog, 'continuity' | 'read'>
  data: DataModel
  limits: Pick<Limits, 'logReadCount' | 'maxReplayEntries'>
}

const ZERO = 0n as Lsn

/**
 * Reads what memory has let go of from the log: once for all who go on from the same place, such as the queries of one connection, and one place
 * after the other. Whoever comes back after a while needs tens of thousands of transactions, and may be one of many.
 */
export class ReadBack {
  readonly #options: ReadBackOptions
  readonly #reading = new Map<string, Promise<Older | undefined>>()
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: ReadBackOptions) {
    this.#options = options
  }

  /**
   * @param of - names the log: a place of one that began anew is another
   * @param head - where the log was read to, asked when it is its turn
   * @returns `undefined` where the log does not reach back so far, or continuity ended on the way
   * @throws {ChangeLogError} as reading does
   */
  since(of: number, entry: EntryId, head: () => Place): Promise<Older | undefined> {
    const name = `${of} ${entry}`
    const known = this.#reading.get(name)
    if (known !== undefined) return known
    const begin = (): Promise<Older | undefined> => this.#read(entry, head())
    const reading = this.#last.then(begin, begin).finally(() => this.#reading.delete(name))
    this.#reading.set(name, reading)
    // Not what was read: that would be kept until the next one.
    this.#last = Promise.allSettled([reading]).then(() => undefined)
    return reading
  }

  async #read(after: EntryId, head: Place): Promise<Older | undefined> {
    const { log, data, limits } = this.#options
    if ((await log.continuity(after)) !== 'ok') return undefined
    const assembler = new Assembler(data, false)
    const transactions: Transaction[] = []
    let before: Place = { entry: after, lsn: ZERO }
    // Whether there is one more is only known by reading it.
    let left = limits.maxReplayEntries + 1
    for (let from = after; ;) {
      const entries = await log.read(from, { count: Math.min(limits.logReadCount, left), until: head.entry })
      for (const entry of entries) {
        if (entry.kind === 'epoch') return undefined
        const taken = assembler.take(entry, before)
        if (taken === undefined || taken === 'skipped') continue
        transactions.push(taken)
        before = taken.place
      }
      left -= entries.length
      // A log may give one more than it was asked for.
      if (left <= 0) return undefined
      const last = entries.at(-1)
      if (last === undefined || last.id === head.entry) break
      from = last.id
    }
    // The log may have let go of its oldest entries while they were read.
    return (await log.continuity(after)) === 'ok' ? { transactions, head } : undefined
  }
}
