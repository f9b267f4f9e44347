import { compareEntryIds, isEntryId, type EntryId } from '@zenstack-live/protocol'
import type { ReaderRecord } from '@zenstack-live/change-log'

/**
 * How far one partition has come.
 *
 * ```
 *   done done done │ unfinished  done  unfinished  done │ not looked at
 *                  ▲ cursor (low-water mark)            ▲ scanned
 * ```
 * The record holds the cursor, what is finished above it, and how often each unfinished event was delivered.
 */
export interface Progress {
  /** Identity of the log that the positions belong to. */
  log: string
  readonly cursor: EntryId
  readonly scanned: EntryId
  /** Events above the cursor that the record has to name. */
  readonly ahead: number
  /** Everything up to here was looked at. */
  scan(position: EntryId): void
  /** Takes an event up; `false` when it was finished before. `previous` is the entry before it. */
  begin(position: EntryId, previous: EntryId): boolean
  finish(position: EntryId): void
  /** Counts one more delivery, and gives the count. */
  count(position: EntryId): number
  deliveries(position: EntryId): number
  /** Takes a count back: the delivery did not begin. */
  uncount(position: EntryId): void
  /** Goes on from another place: a gap was dealt with. Nothing may be unfinished. */
  jump(position: EntryId): void
  /** Changes committed before this time are passed over; `undefined` once one after it was seen. */
  notBeforeMs: number | undefined
  record(): ReaderRecord
}

interface ProgressState {
  log: string
  done: EntryId[]
  deliveries: Map<EntryId, number>
  notBeforeMs: number | undefined
}

/** What a record that was saved says besides its cursor. */
export function parseProgress(record: ReaderRecord): ProgressState {
  const state: ProgressState = { log: '', done: [], deliveries: new Map(), notBeforeMs: undefined }
  let value: unknown
  try {
    value = JSON.parse(record.state)
  } catch {
    return state
  }
  if (typeof value !== 'object' || value === null) return state
  if ('log' in value && typeof value.log === 'string') state.log = value.log
  if ('done' in value && Array.isArray(value.done)) state.done = value.done.filter((id): id is EntryId => typeof id === 'string' && isEntryId(id))
  if ('tries' in value && typeof value.tries === 'object' && value.tries !== null) {
    for (const [id, count] of Object.entries(value.tries)) if (isEntryId(id) && typeof count === 'number') state.deliveries.set(id, count)
  }
  if ('notBefore' in value && typeof value.notBefore === 'number') state.notBeforeMs = value.notBefore
  return state
}

/** @param identity - of the present log; what was saved may belong to another one */
export function createProgress(identity: string, start: EntryId, saved?: ProgressState): Progress {
  let log = saved === undefined || saved.log === '' ? identity : saved.log
  const unfinished = new Map<EntryId, EntryId>()
  const done = new Set<EntryId>(saved?.done)
  const deliveries = new Map<EntryId, number>(saved?.deliveries)
  let scanned = start
  let base = start
  let notBeforeMs = saved?.notBeforeMs

  // Events are taken up in the order of their positions, and a Map keeps that order.
  const cursor = (): EntryId => {
    const oldest = unfinished.values().next()
    return oldest.done === true ? scanned : oldest.value
  }
  const prune = (): void => {
    base = cursor()
    for (const id of done) if (compareEntryIds(id, base) <= 0) done.delete(id)
    for (const id of deliveries.keys()) if (compareEntryIds(id, base) <= 0) deliveries.delete(id)
  }

  return {
    get cursor() {
      return cursor()
    },
    get scanned() {
      return scanned
    },
    get ahead() {
      if (cursor() !== base) prune()
      return unfinished.size + done.size
    },
    scan(position) {
      if (compareEntryIds(position, scanned) > 0) scanned = position
    },
    begin(position, previous) {
      if (compareEntryIds(position, scanned) > 0) scanned = position
      if (done.has(position)) return false
      unfinished.set(position, previous)
      return true
    },
    finish(position) {
      if (!unfinished.delete(position)) return
      deliveries.delete(position)
      done.add(position)
    },
    count(position) {
      const count = (deliveries.get(position) ?? 0) + 1
      deliveries.set(position, count)
      return count
    },
    deliveries: (position) => deliveries.get(position) ?? 0,
    uncount(position) {
      const count = (deliveries.get(position) ?? 0) - 1
      if (count > 0) deliveries.set(position, count)
      else deliveries.delete(position)
    },
    get log() {
      return log
    },
    set log(value) {
      log = value
    },
    jump(position) {
      scanned = position
      done.clear()
      deliveries.clear()
      base = position
    },
    get notBeforeMs() {
      return notBeforeMs
    },
    set notBeforeMs(value) {
      notBeforeMs = value
    },
    record() {
      prune()
      const state = {
        log,
        ...(done.size > 0 ? { done: [...done] } : {}),
        ...(deliveries.size > 0 ? { tries: Object.fromEntries(deliveries) } : {}),
        ...(notBeforeMs === undefined ? {} : { notBefore: notBeforeMs }),
      }
      return { cursor: base, state: JSON.stringify(state) }
    },
  }
}
