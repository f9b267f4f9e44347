import { compareEntryIds, type EntryId, type LogEntry } from '@zenstack-live/protocol'
import type { ChangeLog, TailOptions } from './change-log.ts'
import { CHANGE_LOG_LIMITS } from './limits.ts'

type Page = readonly LogEntry[]

/**
 * The same log, whose followers share one reading of it: one connection, each entry decoded once.
 *
 * ```
 *   log ──one tail──► page ─► page ─► page ─► (next)      the newest are kept
 *                      ▲                 ▲
 *    a little behind ──┘                 └── at the head: who waits has the next one read
 *
 *   log ──own tail──► page ─► page                        from further back, until it meets the kept pages
 * ```
 * Nothing is read that nobody waits for. What ends the one reading is told to everybody who follows it.
 */
export function shareTail(log: ChangeLog): ChangeLog {
  let reading: Reading | undefined

  const join = async (after: EntryId, isChecked: boolean, count: number): Promise<Reading | undefined> => {
    if (reading === undefined || reading.hasEnded) return (reading = new Reading(log, after, count))
    if (!reading.reachesBackTo(after)) return undefined
    // A place inside the kept pages may be one that the log never had.
    const isHere = isChecked || (await log.continuity(after)) === 'ok'
    return isHere && !reading.hasEnded && reading.reachesBackTo(after) ? reading : undefined
  }

  async function* tail(after: EntryId, options: TailOptions): AsyncGenerator<Page> {
    const { signal, count = CHANGE_LOG_LIMITS.readEntries } = options
    let cursor = after
    let isChecked = false
    while (!signal.aborted) {
      const shared = await join(cursor, isChecked, count)
      const pages = shared === undefined ? log.tail(cursor, options) : shared.follow(cursor, signal)
      for await (const page of pages) {
        cursor = page.at(-1)?.id ?? cursor
        isChecked = true
        for (let from = 0; from < page.length; from += count) yield from === 0 && page.length <= count ? page : page.slice(from, from + count)
        if (shared === undefined && reading?.reachesBackTo(cursor) === true) break
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
  next: KeptPage | undefined
}

/** One tail of the log, for as long as somebody follows it. */
class Reading {
  readonly #pages: AsyncIterator<Page>
  readonly #stop = new AbortController()
  readonly #start: EntryId
  #oldest: KeptPage | undefined
  #newest: KeptPage | undefined
  #kept = 0
  #followers = 0
  #fetching: Promise<void> | undefined
  #failure: { error: unknown } | undefined

  constructor(log: ChangeLog, after: EntryId, count: number) {
    this.#start = after
    this.#pages = log.tail(after, { signal: this.#stop.signal, count })[Symbol.asyncIterator]()
  }

  get hasEnded(): boolean {
    return this.#failure !== undefined || this.#stop.signal.aborted
  }

  /** Whether everything that follows the id is kept, or will be read. */
  reachesBackTo(id: EntryId): boolean {
    return !this.hasEnded && compareEntryIds(id, this.#oldest?.after ?? this.#start) >= 0
  }

  /** Pages after an id; ends when the signal aborts, the reading was given up, or what follows was let go. */
  async *follow(after: EntryId, signal: AbortSignal): AsyncGenerator<Page> {
    this.#followers++
    try {
      let cursor = after
      while (!signal.aborted && !this.#stop.signal.aborted) {
        if (compareEntryIds(cursor, this.#oldest?.after ?? this.#start) < 0) return
        const kept = this.#pageAfter(cursor)
        if (kept === undefined) {
          if (this.#failure !== undefined) throw this.#failure.error
          await unlessAborted(this.#fetch(), signal)
          continue
        }
        const page = compareEntryIds(kept.after, cursor) >= 0 ? kept.entries : kept.entries.filter(({ id }) => compareEntryIds(id, cursor) > 0)
        cursor = kept.last
        yield page
      }
    } finally {
      if (--this.#followers === 0) this.#stop.abort()
    }
  }

  /** The page that holds what follows an id; most ask for the newest. */
  #pageAfter(id: EntryId): KeptPage | undefined {
    const newest = this.#newest
    if (newest === undefined || compareEntryIds(id, newest.last) >= 0) return undefined
    if (compareEntryIds(id, newest.after) >= 0) return newest
    for (let page = this.#oldest; page !== undefined; page = page.next) if (compareEntryIds(page.last, id) > 0) return page
    return undefined
  }

  /** Resolves when the next page is kept, or it is known that none comes. One is read at a time, whoever asks. */
  #fetch(): Promise<void> {
    this.#fetching ??= this.#readNext().finally(() => (this.#fetching = undefined))
    return this.#fetching
  }

  async #readNext(): Promise<void> {
    try {
      const { value, done } = await this.#pages.next()
      if (done === true) this.#stop.abort()
      else this.#keep(value)
    } catch (error) {
      this.#failure ??= { error }
    }
  }

  #keep(entries: Page): void {
    const after = this.#newest?.last ?? this.#start
    const page: KeptPage = { after, entries, last: entries.at(-1)?.id ?? after, next: undefined }
    if (this.#newest === undefined) this.#oldest = page
    else this.#newest.next = page
    this.#newest = page
    if (++this.#kept <= CHANGE_LOG_LIMITS.keptPages) return
    this.#kept--
    this.#oldest = this.#oldest?.next
  }
}

async function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, resolve } = Promise.withResolvers<void>()
  const end = (): void => resolve()
  signal.addEventListener('abort', end, { once: true })
  if (signal.aborted) end()
  await Promise.race([work, aborted])
  signal.removeEventListener('abort', end)
}
