import type { DatabaseSync } from 'node:sqlite'
import { compareEntryIds, epochOfEntryId, FIRST_ENTRY_ID, type EntryId, type LogEntry } from '@zenstack-live/protocol'
import { createAppendOrder, flattenBatches } from '../append-order.ts'
import type { ChangeLog, Continuity, LogState, TailOptions } from '../change-log.ts'
import { checkContinuity } from '../check-continuity.ts'
import { chooseCut, type LogSample } from '../choose-cut.ts'
import { conflictError, continuityError, lostTailError } from '../continuity-error.ts'
import { optionalEntryId } from '../entry-id-parts.ts'
import { restoreEntry, storeEntry } from '../entry-codec.ts'
import { ChangeLogError } from '../errors.ts'
import { CHANGE_LOG_LIMITS } from '../limits.ts'
import { shareTail } from '../share-tail.ts'
import { wholePartBefore } from '../whole-part.ts'
import { decodeId, encodeId, openEmbeddedDatabase } from './embedded-database.ts'
import { createEmbeddedReaders } from './embedded-readers.ts'

export interface EmbeddedLogOptions {
  /** Folder of the log, made when it is not there. */
  directory: string
  /** Milliseconds since 1970. @defaultValue `Date.now` */
  now?: () => number
  /** Entries between two samples; retention is exact to one of them. @defaultValue 2000 */
  sampleEntries?: number
  /** How long a follower waits that is ahead of a log that lost its newest entries. @defaultValue 30 s */
  healMs?: number
}

/**
 * Opens the log that lives in a file of this process: no Redis, no other process.
 *
 * @throws {ChangeLogError} `log_in_use` when another process has it open, `log_unavailable` when the folder cannot be used
 */
export async function openEmbeddedLog(options: EmbeddedLogOptions): Promise<ChangeLog> {
  return shareTail(new EmbeddedLog(options))
}

class EmbeddedLog implements ChangeLog {
  readonly identity: string
  readonly readers: ChangeLog['readers']
  readonly notes: ChangeLog['notes']
  readonly #database: DatabaseSync
  readonly #order = createAppendOrder()
  readonly #now: () => number
  readonly #sampleEntries: number
  readonly #healMs: number
  readonly #wakers = new Set<() => void>()
  readonly #statements: ReturnType<typeof prepareStatements>
  #isClosed = false
  #lastSample: LogSample | undefined
  // Counting in SQLite walks the whole table.
  #entries: number

  constructor(options: EmbeddedLogOptions) {
    this.#database = openEmbeddedDatabase(options.directory)
    this.#statements = prepareStatements(this.#database)
    this.#now = options.now ?? Date.now
    this.#sampleEntries = options.sampleEntries ?? CHANGE_LOG_LIMITS.sampleEntries
    this.#healMs = options.healMs ?? CHANGE_LOG_LIMITS.healMs
    this.identity = this.#meta('identity') ?? ''
    this.readers = createEmbeddedReaders(this.#database, this.#now)
    this.notes = createEmbeddedNotes(this.#database)
    this.#lastSample = this.#samples().at(-1)
    this.#entries = Number(this.#statements.countKept.get()?.['n'])
  }

  async append(batches: Parameters<ChangeLog['append']>[0]): Promise<void> {
    const entries = flattenBatches(batches)
    this.#requireOpen()
    if (entries.length === 0) return
    const after = batches[0]?.after
    this.#order.check(entries, after)
    try {
      this.#begin()
      let newest = this.#edge('newest')
      if (after !== undefined && (newest === undefined || compareEntryIds(newest, after) < 0)) throw lostTailError(newest, after)
      let kept = 0
      for (const entry of entries) {
        if (newest !== undefined && compareEntryIds(entry.id, newest) <= 0) this.#acceptRepeat(entry)
        else {
          const { header, key, value } = storeEntry(entry)
          this.#statements.insert.run(encodeId(entry.id), header, key, value)
          newest = entry.id
          kept++
        }
      }
      this.#sample(entries.at(-1), kept)
      this.#database.exec('COMMIT')
      this.#entries += kept
    } catch (cause) {
      this.#order.failed(entries[0]?.id)
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      if (cause instanceof ChangeLogError) throw cause
      throw new ChangeLogError(
        'log_unavailable',
        `The embedded log did not keep ${entries[0]?.id ?? ''}: ${String(cause)}. Check the disk's space.`,
        { cause },
      )
    }
    for (const wake of this.#wakers) wake()
  }

  async read(after: EntryId, options: { count?: number; until?: EntryId } = {}): Promise<LogEntry[]> {
    return this.#read(after, options.count ?? CHANGE_LOG_LIMITS.readEntries, options.until)
  }

  async *tail(after: EntryId, { signal, count = CHANGE_LOG_LIMITS.readEntries }: TailOptions): AsyncGenerator<readonly LogEntry[]> {
    let cursor = after
    let aheadSince: number | undefined
    while (!signal.aborted) {
      this.#requireOpen()
      // Nothing can happen between the question and the reading: both are in this turn of the loop.
      const continuity = this.#continuity(cursor)
      if (continuity === 'foreign') aheadSince ??= performance.now()
      // After a power cut the capture may write the newest entries again.
      if (continuity === 'foreign' && performance.now() - (aheadSince ?? 0) < this.#healMs) {
        await this.#changed(AbortSignal.any([signal, AbortSignal.timeout(100)]))
        continue
      }
      if (continuity !== 'ok') throw continuityError(continuity, cursor, this.#edge('oldest'))
      aheadSince = undefined
      const page = this.#read(cursor, count)
      const last = page.at(-1)
      if (last === undefined) await this.#changed(signal)
      else {
        cursor = last.id
        yield page
      }
    }
  }

  async state(): Promise<LogState> {
    this.#requireOpen()
    const newest = this.#edge('newest')
    const known = this.#statements.newestLsn.get()
    const knowing = known === undefined ? undefined : restoreEntry(decodeId(known['id']), { header: String(known['header']), key: '', value: '[]' })
    return {
      identity: this.identity,
      epoch: newest === undefined ? 0 : epochOfEntryId(newest),
      beginning: optionalEntryId(this.#meta('trimmed')) ?? FIRST_ENTRY_ID,
      oldest: this.#edge('oldest'),
      newest,
      newestLsn: knowing?.lsn,
      whole: knowing === undefined ? undefined : wholePartBefore(knowing),
      entries: this.#entries,
      bytes: this.#bytes(),
    }
  }

  async continuity(after: EntryId): Promise<Continuity> {
    return this.#continuity(after)
  }

  async positionAt(timeMs: number): Promise<EntryId | undefined> {
    const samples = this.#samples()
    if (samples.length === 0) return this.#edge('newest') === undefined ? FIRST_ENTRY_ID : undefined
    return samples.findLast((sample) => sample.atMs <= timeMs)?.id ?? (this.#meta('trimmed') === undefined ? FIRST_ENTRY_ID : undefined)
  }

  async trim(retention: Parameters<ChangeLog['trim']>[0]): ReturnType<ChangeLog['trim']> {
    this.#requireOpen()
    const { keepFrom, heldBackBy, overtaken } = chooseCut({
      nowMs: this.#now(),
      retention,
      samples: this.#samples(),
      newest: this.#edge('newest'),
      added: Number(this.#meta('added')),
      entries: this.#entries,
      bytes: this.#bytes(),
      readers: await this.readers.list(),
    })
    if (keepFrom === undefined) return { removed: 0, heldBackBy, overtaken }
    const last = this.#statements.lastBefore.get(encodeId(keepFrom))
    if (last === undefined) return { removed: 0, heldBackBy, overtaken }
    const removed = this.#removeBefore(keepFrom, decodeId(last['id']))
    return { removed, heldBackBy, overtaken }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const wake of this.#wakers) wake()
    this.#database.close()
  }

  /** @returns how many went */
  #removeBefore(keepFrom: EntryId, last: EntryId): number {
    let removed: number
    try {
      this.#begin()
      this.#setMeta('trimmed', last)
      removed = Number(this.#statements.removeBefore.run(encodeId(keepFrom)).changes)
      this.#statements.removeSamples.run(encodeId(keepFrom))
      this.#database.exec('COMMIT')
    } catch (error) {
      // A full disk, perhaps: whoever writes next begins a transaction of its own.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
    this.#entries -= removed
    this.#database.exec('PRAGMA incremental_vacuum(1000)')
    return removed
  }

  #begin(): void {
    this.#requireOpen()
    this.#database.exec('BEGIN IMMEDIATE')
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new ChangeLogError('log_unavailable', 'The embedded log was closed.')
  }

  #read(after: EntryId, count: number, until?: EntryId): LogEntry[] {
    this.#requireOpen()
    const rows = this.#statements.read.iterate(encodeId(after), until === undefined ? LAST_ID : encodeId(until), count)
    const page: LogEntry[] = []
    let chars = 0
    for (const { id: bytes, header, key, value } of rows) {
      const id = decodeId(bytes)
      const entry = restoreEntry(id, { header: String(header), key: String(key), value: String(value) })
      if (entry === undefined) throw new ChangeLogError('log_conflict', `Entry ${id} of the embedded log has the unknown header "${String(header)}".`)
      chars += String(value).length
      if (page.length > 0 && chars > CHANGE_LOG_LIMITS.readBytes) break
      page.push(entry)
    }
    return page
  }

  /** A refused id is success only if the same transaction stands there, or stood there before retention took it. */
  #acceptRepeat(entry: LogEntry): void {
    if (entry.kind === 'progress') return
    const present = this.#statements.header.get(encodeId(entry.id))?.['header']
    const header = storeEntry(entry).header
    if (present === header) return
    const trimmed = optionalEntryId(this.#meta('trimmed'))
    if (present === undefined && trimmed !== undefined && compareEntryIds(entry.id, trimmed) <= 0) return
    throw conflictError(entry.id, header, typeof present === 'string' ? present : undefined)
  }

  /** Samples are where the log may be cut, so they stand between transactions. */
  #sample(last: LogEntry | undefined, kept: number): void {
    if (last === undefined || kept === 0) return
    const added = Number(this.#meta('added')) + kept
    this.#setMeta('added', String(added))
    if (last.kind === 'change' && !last.isLastOfTransaction) return
    const [previous, nowMs] = [this.#lastSample, this.#now()]
    if (previous !== undefined && added - previous.added < this.#sampleEntries && nowMs - previous.atMs < CHANGE_LOG_LIMITS.sampleIntervalMs) return
    this.#lastSample = { atMs: nowMs, id: last.id, added }
    this.#statements.addSample.run(added, nowMs, encodeId(last.id))
  }

  #samples(): LogSample[] {
    return this.#statements.samples.all().map((row) => ({ atMs: Number(row['at_ms']), id: decodeId(row['id']), added: Number(row['added']) }))
  }

  #continuity(after: EntryId): Continuity {
    return checkContinuity({
      after,
      isPresent: this.#statements.header.get(encodeId(after)) !== undefined,
      newest: this.#edge('newest'),
      oldest: this.#edge('oldest'),
      trimmed: optionalEntryId(this.#meta('trimmed')),
      isTrimmedExact: true,
    })
  }

  async #changed(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        this.#wakers.delete(wake)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      this.#wakers.add(wake)
      signal.addEventListener('abort', wake, { once: true })
    })
  }

  #edge(which: 'oldest' | 'newest'): EntryId | undefined {
    this.#requireOpen()
    const row = this.#statements[which].get()
    return row === undefined ? undefined : decodeId(row['id'])
  }

  #bytes(): number {
    const page = this.#database.prepare(
      'SELECT (page_count - freelist_count) * page_size AS n FROM pragma_page_count, pragma_freelist_count, pragma_page_size',
    )
    return Number(page.get()?.['n'])
  }

  #meta(name: string): string | undefined {
    const value = this.#statements.getMeta.get(name)?.['value']
    return typeof value === 'string' ? value : undefined
  }

  #setMeta(name: string, value: string): void {
    this.#statements.setMeta.run(name, value)
  }
}

const LAST_ID = new Uint8Array(16).fill(0xff)

function createEmbeddedNotes(database: DatabaseSync): ChangeLog['notes'] {
  const get = (name: string): string | undefined => {
    const text = database.prepare('SELECT text FROM notes WHERE name = ?').get(name)?.['text']
    return typeof text === 'string' ? text : undefined
  }
  return {
    get: async (name) => get(name),
    async set(name, text) {
      database.prepare('INSERT OR REPLACE INTO notes VALUES (?, ?)').run(name, text)
    },
    async agree(name, text) {
      database.prepare('INSERT OR IGNORE INTO notes VALUES (?, ?)').run(name, text)
      return get(name) ?? text
    },
  }
}

// oxlint-disable-next-line typescript/explicit-function-return-type
function prepareStatements(database: DatabaseSync) {
  return {
    insert: database.prepare('INSERT INTO entries (id, header, key, value) VALUES (?, ?, ?, ?)'),
    header: database.prepare('SELECT header FROM entries WHERE id = ?'),
    read: database.prepare('SELECT id, header, key, value FROM entries WHERE id > ? AND id <= ? ORDER BY id LIMIT ?'),
    oldest: database.prepare('SELECT id FROM entries ORDER BY id LIMIT 1'),
    newest: database.prepare('SELECT id FROM entries ORDER BY id DESC LIMIT 1'),
    newestLsn: database.prepare("SELECT id, header FROM entries WHERE header NOT LIKE '_:0%' ORDER BY id DESC LIMIT 1"),
    countKept: database.prepare('SELECT count(*) AS n FROM entries'),
    lastBefore: database.prepare('SELECT id FROM entries WHERE id < ? ORDER BY id DESC LIMIT 1'),
    removeBefore: database.prepare('DELETE FROM entries WHERE id < ?'),
    samples: database.prepare('SELECT added, at_ms, id FROM samples ORDER BY added'),
    addSample: database.prepare('INSERT OR REPLACE INTO samples (added, at_ms, id) VALUES (?, ?, ?)'),
    removeSamples: database.prepare('DELETE FROM samples WHERE id < (SELECT max(id) FROM samples WHERE id < ?)'),
    getMeta: database.prepare('SELECT value FROM meta WHERE name = ?'),
    setMeta: database.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)'),
  }
}
