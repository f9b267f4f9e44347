import type { ReaderRecord } from '@zenstack-live/change-log'
import { compareEntryIds, isEntryId, type EntryId } from '@zenstack-live/protocol'

/** What a saved record says besides its cursor. */
export interface SavedProgress {
  /** `undefined` in records of others. */
  log: string | undefined
  /** Where the id was begun. */
  began: EntryId | undefined
  done: EntryId[]
  deliveries: Map<EntryId, number>
  notBeforeMs: number | undefined
}

export function parseProgress(record: ReaderRecord): SavedProgress {
  const saved: SavedProgress = { log: undefined, began: undefined, done: [], deliveries: new Map(), notBeforeMs: undefined }
  const value: unknown = record.state === '' ? {} : JSON.parse(record.state)
  if (typeof value !== 'object' || value === null) return saved
  if ('log' in value && typeof value.log === 'string') saved.log = value.log
  if ('began' in value && typeof value.began === 'string' && isEntryId(value.began)) saved.began = value.began
  if ('done' in value && Array.isArray(value.done)) saved.done = value.done.filter((id): id is EntryId => typeof id === 'string' && isEntryId(id))
  if ('tries' in value && typeof value.tries === 'object' && value.tries !== null) {
    for (const [id, count] of Object.entries(value.tries)) if (isEntryId(id) && typeof count === 'number') saved.deliveries.set(id, count)
  }
  if ('notBefore' in value && typeof value.notBefore === 'number') saved.notBeforeMs = value.notBefore
  return saved
}

/**
 * How far one partition has come.
 *
 * ```
 *   done done done │ unfinished  done  unfinished  done │ not looked at
 *                  ▲ cursor (low-water mark)            ▲ scanned
 * ```
 * The record holds the cursor, what is finished above it, and how often each unfinished event was delivered.
 */
export class Progress {
  /** Identity of the log that the positions belong to. */
  log: string
  /** Changes committed before this time are passed over; `undefined` once they come from long after it. */
  notBeforeMs: number | undefined
  // By position, the entry before it. Events are taken up in the order of their positions, and a Map keeps that order.
  readonly #unfinished = new Map<EntryId, EntryId>()
  readonly #done: Set<EntryId>
  readonly #deliveries: Map<EntryId, number>
  /** Where the id was begun, or went on behind a gap: nothing before is owed to anyone. */
  #began: EntryId
  #scanned: EntryId
  /** The cursor that `#done` was last cleared up to. */
  #base: EntryId

  /** @param identity - of the present log; what was saved may belong to another one */
  constructor(identity: string, start: EntryId, saved?: SavedProgress) {
    this.log = saved?.log ?? identity
    this.notBeforeMs = saved?.notBeforeMs
    this.#done = new Set(saved?.done)
    this.#deliveries = new Map(saved?.deliveries)
    this.#began = saved?.began ?? start
    this.#scanned = start
    this.#base = start
  }

  get cursor(): EntryId {
    const oldest = this.#unfinished.values().next()
    return oldest.done === true ? this.#scanned : oldest.value
  }

  get scanned(): EntryId {
    return this.#scanned
  }

  /** Whether as many events above the cursor have to be named in the record. Counts exactly only when it has to. */
  isAhead(events: number): boolean {
    if (this.#unfinished.size + this.#done.size < events) return false
    this.#clear()
    return this.#unfinished.size + this.#done.size >= events
  }

  /** Everything up to here was looked at. */
  scan(position: EntryId): void {
    if (compareEntryIds(position, this.#scanned) > 0) this.#scanned = position
  }

  /** Takes an event up; `false` when it was finished before. */
  begin(position: EntryId, previous: EntryId): boolean {
    this.scan(position)
    if (this.#done.has(position)) return false
    this.#unfinished.set(position, previous)
    return true
  }

  finish(position: EntryId): void {
    if (!this.#unfinished.delete(position)) return
    this.#deliveries.delete(position)
    this.#done.add(position)
  }

  deliveries(position: EntryId): number {
    return this.#deliveries.get(position) ?? 0
  }

  /** Counts one more delivery. */
  count(position: EntryId): void {
    this.#deliveries.set(position, this.deliveries(position) + 1)
  }

  /** Takes a count back: the delivery did not begin. */
  uncount(position: EntryId): void {
    const count = this.deliveries(position) - 1
    if (count > 0) this.#deliveries.set(position, count)
    else this.#deliveries.delete(position)
  }

  /** Goes on from another place: a gap was dealt with. Nothing may be unfinished. */
  jump(position: EntryId): void {
    this.#began = position
    this.#scanned = position
    this.#base = position
    this.#done.clear()
    this.#deliveries.clear()
  }

  record(): ReaderRecord {
    this.#clear()
    // Of events that are not taken up again: the filter changed.
    for (const id of this.#deliveries.keys()) if (compareEntryIds(id, this.#base) <= 0) this.#deliveries.delete(id)
    return { cursor: this.#base, state: this.#state() }
  }

  /** JSON, put together by hand: ids need no escapes, and an object with a name for each costs as much as a delivery. */
  #state(): string {
    let done = ''
    for (const id of this.#done) done += `${done === '' ? ',"done":[' : ','}"${id}"`
    if (done !== '') done += ']'
    let tries = ''
    for (const [id, count] of this.#deliveries) tries += `${tries === '' ? ',"tries":{' : ','}"${id}":${count}`
    if (tries !== '') tries += '}'
    const notBefore = this.notBeforeMs === undefined ? '' : `,"notBefore":${this.notBeforeMs}`
    return `{"log":${JSON.stringify(this.log)},"began":"${this.#began}"${done}${tries}${notBefore}}`
  }

  #clear(): void {
    const { cursor } = this
    if (cursor === this.#base) return
    this.#base = cursor
    for (const id of this.#done) if (compareEntryIds(id, cursor) <= 0) this.#done.delete(id)
  }
}
