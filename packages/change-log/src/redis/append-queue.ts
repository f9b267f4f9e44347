import { compareEntryIds, type EntryId, type LogEntry } from '@zenstack-live/protocol'
import { createAppendOrder } from '../append-order.ts'
import { ChangeLogError } from '../errors.ts'
import type { ChangeLogLimits } from '../limits.ts'

/** Entries that travel in one command. Their ids rise. */
export interface AppendUnit {
  entries: LogEntry[]
  /** Characters of the largest one, about. */
  largest: number
  /** The entry that must already be there (marks may get lost without harm); `undefined` when this process has kept none yet. */
  previous: EntryId | undefined
}

export interface AppendQueue {
  /** @param after - the entry that must already be there; without it the last one that this queue kept */
  append(entries: LogEntry[], after?: EntryId): Promise<void>
  /** Everything waiting fails, and nothing more is taken. */
  close(): void
}

interface Request {
  entries: LogEntry[]
  after: EntryId | undefined
  /** How many of them are in a unit already. */
  taken: number
  resolve: () => void
  reject: (error: Error) => void
}

interface Batch {
  unit: AppendUnit
  /** Whose entries it carries, and which of them end in it. */
  requests: Request[]
  finished: Request[]
}

/**
 * Coalesces appends: while some units are on their way, whatever comes in waits and leaves together. The next unit names the one
 * before it, so that the log refuses it should that one have failed.
 */
export function createAppendQueue(limits: ChangeLogLimits, send: (unit: AppendUnit) => Promise<void>): AppendQueue {
  const order = createAppendOrder()
  const waiting: Request[] = []
  let confirmed: EntryId | undefined
  let issued: EntryId | undefined
  let unitsInFlight = 0
  let isScheduled = false
  let isClosed = false

  const fail = (unit: AppendUnit, requests: Request[], error: Error): void => {
    order.failed(unit.entries[0]?.id)
    if (isLoss(error)) {
      order.failed(confirmed)
      confirmed = undefined
    }
    issued = confirmed
    for (const request of [...requests, ...waiting.splice(0)]) {
      order.failed(request.entries[0]?.id)
      request.reject(error)
    }
  }

  const sendUnit = async ({ unit, requests, finished }: Batch): Promise<void> => {
    unitsInFlight++
    try {
      await send(unit)
      // It was refused, had the one before it not been there.
      confirmed = lastWithContent(unit) ?? unit.previous ?? confirmed
      for (const request of finished) request.resolve()
    } catch (error) {
      fail(unit, requests, error instanceof Error ? error : new Error(String(error)))
    } finally {
      unitsInFlight--
      pump()
    }
  }

  const pump = (): void => {
    isScheduled = false
    while (waiting.length > 0 && unitsInFlight < limits.appendsInFlight) {
      const batch = takeUnit(waiting, limits, issued)
      issued = lastWithContent(batch.unit) ?? batch.unit.previous
      void sendUnit(batch)
    }
  }

  return {
    append(entries, after) {
      return new Promise((resolve, reject) => {
        if (isClosed) throw new ChangeLogError('log_unavailable', 'The change log was closed.')
        order.check(entries, after)
        waiting.push({ entries, after, taken: 0, resolve, reject })
        if (isScheduled) return
        isScheduled = true
        queueMicrotask(pump)
      })
    },
    close() {
      isClosed = true
      for (const request of waiting.splice(0)) request.reject(new ChangeLogError('log_unavailable', 'The change log was closed.'))
    },
  }
}

/** What the log had kept is gone: it has to be written again before anything else. */
function isLoss(error: Error): boolean {
  return error instanceof ChangeLogError && (error.code === 'log_lost_tail' || error.code === 'log_recreated')
}

function lastWithContent(unit: AppendUnit): EntryId | undefined {
  return unit.entries.findLast(({ kind }) => kind !== 'progress')?.id
}

function takeUnit(waiting: Request[], limits: ChangeLogLimits, issued: EntryId | undefined): Batch {
  const previous = waiting[0]?.taken === 0 ? (waiting[0].after ?? issued) : issued
  const unit: AppendUnit = { entries: [], largest: 0, previous }
  const [requests, finished]: [Request[], Request[]] = [[], []]
  let chars = 0
  const hasRoom = (): boolean => unit.entries.length < limits.appendEntries && chars < limits.appendChars
  while (waiting[0] !== undefined && hasRoom() && isNext(unit, waiting[0])) {
    const request = waiting[0]
    requests.push(request)
    while (request.taken < request.entries.length && hasRoom()) {
      const entry = request.entries[request.taken++]
      if (entry === undefined) break
      unit.entries.push(entry)
      const entryChars = charsOf(entry)
      chars += entryChars
      if (entryChars > unit.largest) unit.largest = entryChars
    }
    if (request.taken < request.entries.length) break
    waiting.shift()
    finished.push(request)
  }
  return { unit, requests, finished }
}

/** A repeat begins a unit of its own: within one, ids rise. So does what names its own predecessor. */
function isNext({ entries }: AppendUnit, request: Request): boolean {
  const [last, next] = [entries.at(-1), request.entries[request.taken]]
  return last === undefined || (request.after === undefined && (next === undefined || compareEntryIds(last.id, next.id) < 0))
}

function charsOf(entry: LogEntry): number {
  return entry.kind === 'change' ? entry.value.length + (entry.key?.length ?? 0) + HEADER_CHARS : HEADER_CHARS
}

/** An id and a header, about. */
const HEADER_CHARS = 64
