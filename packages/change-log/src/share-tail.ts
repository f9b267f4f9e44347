import { compareEntryIds, type EntryId, type LogEntry } from '@zenstack-live/protocol'
import type { ChangeLog, TailOptions } from './change-log.ts'
import { CHANGE_LOG_LIMITS, type ChangeLogLimits } from './limits.ts'

type Page = readonly LogEntry[]
type SharingLimits = Pick<ChangeLogLimits, 'readEntries' | 'keptEntries' | 'keptBytes' | 'sharedReadings'>

/**
 * The same log, whose followers share its readings: one connection each, every entry decoded once, every page the same array for all.
 *
 * ```
 *   log ──tail──► page ─► page ─► page ─► (next)     at the head: who waits has the next one read
 *                  ▲                ▲
 *   a little behind┘                └ the newest pages are kept
 *
 *   log ──tail──► page ─► page                       from further back, together, until they meet pages of a reading ahead of them
 * ```
 * Nothing is read that nobody waits for. What ends a reading is told to everybody who follows it.
 */
export function shareTail(log: ChangeLog, limits: SharingLimits = CHANGE_LOG_LIMITS): ChangeLog {
  const readings = new Set<Reading>()

  /** Of those that hold what follows an id, the one furthest ahead: there they all meet. */
  const readingOf = (id: EntryId): Reading | undefined => {
    let furthest: Reading | undefined
    for (const reading of readings) {
      // What is left of a log that was lost holds nothing of the present one.
      if (reading.identity !== log.identity) continue
      if (reading.holds(id) && (furthest === undefined || compareEntryIds(reading.head, furthest.head) > 0)) furthest = reading
    }
    return furthest
  }

  const begin = (after: EntryId): Reading => {
    const reading = new Reading(log, after, limits, () => readings.delete(reading))
    // Beyond the limit each reads for itself.
    if (readings.size < limits.sharedReadings) readings.add(reading)
    return reading
  }

  /** @returns `undefined` where the log does not continue from, though kept pages have what followed */
  const join = async (after: EntryId, isChecked: boolean): Promise<Reading | undefined> => {
    const known = readingOf(after)
    if (known === undefined || isChecked) return known ?? begin(after)
    if ((await log.continuity(after)) !== 'ok') return undefined
    return readingOf(after) ?? begin(after)
  }

  async function* tail(after: EntryId, { signal, count = limits.readEntries }: TailOptions): AsyncGenerator<Page> {
    let cursor = after
    let isChecked = false
    while (!signal.aborted) {
      const reading = await join(cursor, isChecked)
      // Kept pages may begin before the log's oldest entry, or at a place that it never had: a tail of its own says so.
      if (reading === undefined) {
        yield* log.tail(cursor, { signal, count })
        return
      }
      for await (const page of reading.follow(cursor, signal, (head) => (readingOf(head) ?? reading) !== reading)) {
        cursor = page.at(-1)?.id ?? cursor
        isChecked = true
        if (page.length <= count) yield page
        else for (let from = 0; from < page.length; from += count) yield page.slice(from, from + count)
      }
    }
  }

  return {
    get identity() {
      return log.identity
    },
    append: (batches) => log.append(batches),
    read: (after, options) => log.read(after, options),
    tail,
    state: () => log.state(),
    continuity: (after) => log.continuity(after),
    positionAt: (timeMs) => log.positionAt(timeMs),
    trim: (retention) => log.trim(retention),
    readers: log.readers,
    notes: log.notes,
    close: () => log.close(),
  }
}

interface KeptPage {
  readonly after: EntryId
  readonly entries: Page
  readonly last: EntryId
  readonly bytes: number
  /** Cut when the page is let go, so that a slow follower that still holds it does not hold them all. */
  next: KeptPage | undefined
}

/** One tail of the log, for as long as somebody follows it. */
class Reading {
  /** Of the log that it began with. */
  readonly identity: string
  readonly #pages: AsyncIterator<Page>
  readonly #limits: SharingLimits
  readonly #onEnd: () => void
  readonly #stop = new AbortController()
  #waiting = new Set<() => void>()
  #oldest: KeptPage
  #newest: KeptPage
  #entries = 0
  #bytes = 0
  #followers = 0
  #isFetching = false
  #failure: { error: unknown } | undefined

  constructor(log: ChangeLog, after: EntryId, limits: SharingLimits, onEnd: () => void) {
    this.identity = log.identity
    this.#limits = limits
    this.#onEnd = onEnd
    this.#oldest = this.#newest = { after, entries: [], last: after, bytes: 0, next: undefined }
    this.#pages = log.tail(after, { signal: this.#stop.signal, count: limits.readEntries })[Symbol.asyncIterator]()
  }

  /** The last entry that was read. */
  get head(): EntryId {
    return this.#newest.last
  }

  /** Whether everything between the id and the head is kept. */
  holds(id: EntryId): boolean {
    return compareEntryIds(id, this.#oldest.after) >= 0 && compareEntryIds(id, this.head) <= 0
  }

  /**
   * Pages after an id; ends when the signal aborts, the reading was given up, or what follows was let go.
   *
   * @param goesOnElsewhere - asked at the head: whether another reading has what follows
   */
  async *follow(after: EntryId, signal: AbortSignal, goesOnElsewhere: (head: EntryId) => boolean): AsyncGenerator<Page> {
    let stopWaiting: (() => void) | undefined
    const onAbort = (): void => {
      if (stopWaiting !== undefined) this.#waiting.delete(stopWaiting)
      stopWaiting?.()
    }
    signal.addEventListener('abort', onAbort)
    this.#followers++
    try {
      let cursor = after
      let kept: KeptPage | undefined
      while (!signal.aborted && !this.#stop.signal.aborted) {
        // One that waits at the head keeps the newest page: what follows hangs on it, and need not be looked for among all that are kept.
        const next = kept?.next ?? this.#pageAfter(cursor)
        if (next !== undefined) {
          const page = compareEntryIds(next.after, cursor) >= 0 ? next.entries : next.entries.filter(({ id }) => compareEntryIds(id, cursor) > 0)
          kept = next
          cursor = next.last
          yield page
          continue
        }
        if (compareEntryIds(cursor, this.#oldest.after) < 0) return
        if (this.#failure !== undefined) throw this.#failure.error
        if (goesOnElsewhere(cursor)) return
        await new Promise<void>((resolve) => {
          stopWaiting = resolve
          this.#waiting.add(resolve)
          void this.#fetch()
        })
      }
    } finally {
      signal.removeEventListener('abort', onAbort)
      if (--this.#followers === 0) this.#end()
    }
  }

  /** The kept page with what follows the id; nothing when that was let go, or not read yet. */
  #pageAfter(id: EntryId): KeptPage | undefined {
    if (!this.holds(id) || id === this.head) return undefined
    for (let page: KeptPage | undefined = this.#oldest; page !== undefined; page = page.next) if (compareEntryIds(page.last, id) > 0) return page
    return undefined
  }

  /** Reads the next page; one at a time, whoever asks. Those who wait are woken when it is kept, or when it is known that none comes. */
  async #fetch(): Promise<void> {
    if (this.#isFetching) return
    this.#isFetching = true
    try {
      const { value, done } = await this.#pages.next()
      if (done === true) this.#end()
      else this.#keep(value)
    } catch (error) {
      this.#failure = { error }
      this.#onEnd()
    }
    this.#isFetching = false
    const woken = this.#waiting
    // Another one: a table that is cleared keeps what it held, and the next table, until a full collection.
    this.#waiting = new Set()
    for (const wake of woken) wake()
  }

  #keep(entries: Page): void {
    const after = this.head
    const page: KeptPage = { after, entries, last: entries.at(-1)?.id ?? after, bytes: sizeOf(entries), next: undefined }
    this.#newest.next = page
    this.#newest = page
    this.#entries += entries.length
    this.#bytes += page.bytes
    const { keptEntries, keptBytes } = this.#limits
    while (this.#oldest.next !== undefined && (this.#entries > keptEntries || this.#bytes > keptBytes)) this.#letGo(this.#oldest, this.#oldest.next)
  }

  #letGo(oldest: KeptPage, next: KeptPage): void {
    this.#entries -= oldest.entries.length
    this.#bytes -= oldest.bytes
    this.#oldest = next
    oldest.next = undefined
  }

  #end(): void {
    this.#onEnd()
    this.#stop.abort()
  }
}

/** About: texts outweigh everything else. */
function sizeOf(entries: Page): number {
  let bytes = 0
  for (const entry of entries) if (entry.kind === 'change') bytes += entry.value.length
  return bytes
}
