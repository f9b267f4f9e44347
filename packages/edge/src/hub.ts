import type { ChangeLog } from '@zenstack-live/change-log'
import type { DataModel } from '@zenstack-live/model'
import {
  errorCodeOf,
  FIRST_ENTRY_ID,
  type ChangeEntry,
  type EntryId,
  type Limits,
  type LogEntry,
  type Lsn,
  type ResetReason,
} from '@zenstack-live/protocol'
import { createHistory, type History } from './history.ts'
import type { LogName, Place } from './place.ts'
import { readBulk, readTransaction, type Transaction } from './transaction.ts'

/** What the hub tells, in the order of the log. */
export interface HubListener {
  onTransaction(transaction: Transaction): void
  /** All that one read of the log brought has been told; the head has moved. */
  onBatchEnd(): void
  /** Continuity ended: nothing held from before can be continued. */
  onReset(reason: ResetReason): void
}

/** The one reader of the change log in this process. */
export interface Hub {
  readonly history: History
  readonly log: LogName
  /** Rises when continuity ends: work begun before is worth nothing after. */
  readonly era: number
  listen(listener: HubListener): void
  /** Calls back once the log has passed this place of the write-ahead log; at once when it has. */
  whenPassed(lsn: Lsn, then: () => void): () => void
  /** Transactions after a point that memory no longer holds, read from the log; `undefined` when they are not all there. */
  readBack(after: EntryId): Promise<Transaction[] | undefined>
  close(): Promise<void>
}

export interface HubOptions {
  log: ChangeLog
  data: DataModel
  limits: Limits
  onError(error: unknown): void
}

/** How long ago reading begins when a process starts, so that commits not yet visible are known. */
const LOOK_BACK_MS = 60_000
const RETRY_MS = 500

export async function openHub(options: HubOptions): Promise<Hub> {
  const { log, data, limits } = options
  const abort = new AbortController()
  const listeners: HubListener[] = []
  const waiting = new Map<() => void, Lsn>()
  let epoch = (await log.state()).epoch
  let era = 0
  const start = await startingPlace(log)
  const history = createHistory(start.place, limits)
  let assembler = createAssembler(data, start.isMidway)

  const take = (entry: LogEntry): void => {
    if (entry.kind === 'epoch') {
      epoch = entry.epoch
      restart({ entry: entry.id, lsn: entry.lsn }, 'epoch')
      return
    }
    const transaction = assembler(entry, history.head)
    if (transaction !== undefined) {
      history.add(transaction)
      for (const listener of listeners) listener.onTransaction(transaction)
    } else if (entry.kind === 'progress') history.moveHead(placeAfter(history.head, entry))
    // The rest of a transaction whose beginning was not read: memory begins behind it.
    else if (entry.kind === 'change' && entry.isLastOfTransaction) history.restart(placeAfter(history.head, entry))
  }

  const restart = (place: Place, reason: ResetReason): void => {
    era++
    history.restart(place)
    assembler = createAssembler(data, false)
    for (const listener of listeners) listener.onReset(reason)
  }

  const endBatch = (): void => {
    for (const listener of listeners) listener.onBatchEnd()
    for (const [then, lsn] of waiting) {
      if (history.head.lsn < lsn) continue
      waiting.delete(then)
      then()
    }
  }

  const follow = async (): Promise<void> => {
    while (!abort.signal.aborted) {
      try {
        for await (const entries of log.tail(assembler.resumeAfter(history.head).entry, { signal: abort.signal, count: limits.logReadCount })) {
          for (const entry of entries) take(entry)
          endBatch()
        }
      } catch (error) {
        if (abort.signal.aborted) return
        options.onError(error)
        await recover(error).catch(options.onError)
      }
    }
  }

  /** A log that lost its place is begun again at its end; one that did not answer is asked again. */
  const recover = async (error: unknown): Promise<void> => {
    const code = errorCodeOf(error)
    if (!code.startsWith('log_') || code === 'log_unavailable') return new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    const state = await log.state()
    epoch = state.epoch
    restart({ entry: state.newest ?? FIRST_ENTRY_ID, lsn: state.newestLsn ?? (0n as Lsn) }, 'gap')
    endBatch()
  }

  await readAhead(log, start.place.entry, limits, take)
  const following = follow()
  return {
    history,
    get log() {
      return { identity: log.identity, epoch }
    },
    get era() {
      return era
    },
    listen: (listener) => void listeners.push(listener),
    whenPassed(lsn, then) {
      if (history.head.lsn >= lsn) {
        then()
        return () => {}
      }
      waiting.set(then, lsn)
      return () => void waiting.delete(then)
    },
    readBack: (after) => readBack(options, after, history.head),
    async close() {
      abort.abort()
      await following.catch(() => {})
    },
  }
}

interface Assembler {
  (entry: LogEntry, head: Place): Transaction | undefined
  /** Where to read on after a failure: an unfinished transaction is begun anew. */
  resumeAfter(head: Place): Place
}

/** Joins entries to transactions. Begun in the middle of one, it lets that one pass. */
function createAssembler(data: DataModel, isMidway: boolean): Assembler {
  let open: ChangeEntry[] = []
  let isSkipping = isMidway
  const assemble = (entry: LogEntry, head: Place): Transaction | undefined => {
    if (entry.kind === 'bulk') return readBulk(entry, head)
    if (entry.kind !== 'change') return undefined
    open.push(entry)
    if (!entry.isLastOfTransaction) return undefined
    const entries = open
    open = []
    if (!isSkipping) return readTransaction(data, entries, head)
    isSkipping = false
    return undefined
  }
  return Object.assign(assemble, {
    resumeAfter(head: Place) {
      open = []
      return head
    },
  })
}

/** Entries of unknown LSN (Debezium's marks) leave it where it was. */
function placeAfter(head: Place, entry: { id: EntryId; lsn: Lsn }): Place {
  return { entry: entry.id, lsn: entry.lsn > head.lsn ? entry.lsn : head.lsn }
}

async function startingPlace(log: ChangeLog): Promise<{ place: Place; isMidway: boolean }> {
  const zero = 0n as Lsn
  const recent = await log.positionAt(Date.now() - LOOK_BACK_MS)
  if (recent !== undefined) return { place: { entry: recent, lsn: zero }, isMidway: recent !== FIRST_ENTRY_ID }
  if ((await log.continuity(FIRST_ENTRY_ID)) === 'ok') return { place: { entry: FIRST_ENTRY_ID, lsn: zero }, isMidway: false }
  const { oldest } = await log.state()
  return { place: { entry: oldest ?? FIRST_ENTRY_ID, lsn: zero }, isMidway: true }
}

/** Reads what is there already, so that the first question is not asked with an empty memory. */
async function readAhead(log: ChangeLog, after: EntryId, limits: Limits, take: (entry: LogEntry) => void): Promise<void> {
  for (let from = after; ;) {
    const entries = await log.read(from, { count: limits.logReadCount })
    for (const entry of entries) take(entry)
    const last = entries.at(-1)
    if (last === undefined || entries.length < limits.logReadCount) return
    from = last.id
  }
}

async function readBack(options: HubOptions, after: EntryId, head: Place): Promise<Transaction[] | undefined> {
  const { log, data, limits } = options
  if ((await log.continuity(after)) !== 'ok') return undefined
  const assembler = createAssembler(data, false)
  const transactions: Transaction[] = []
  let before: Place = { entry: after, lsn: 0n as Lsn }
  let count = 0
  for (let from = after; ;) {
    const entries = await log.read(from, { count: limits.logReadCount, until: head.entry })
    for (const entry of entries) {
      if (entry.kind === 'epoch') return undefined
      const transaction = assembler(entry, before)
      if (transaction === undefined) continue
      transactions.push(transaction)
      before = transaction.place
    }
    count += entries.length
    const last = entries.at(-1)
    if (last === undefined || entries.length < limits.logReadCount) break
    if (count > limits.maxReplayEntries) return undefined
    from = last.id
  }
  // The log may have let go of its oldest entries while they were read.
  return (await log.continuity(after)) === 'ok' ? transactions : undefined
}
