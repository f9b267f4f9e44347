import type { ReaderInfo, ReaderRecord } from '@zenstack-live/change-log'
import { compareEntryIds, FIRST_ENTRY_ID, parseEntryId, type EntryId } from '@zenstack-live/protocol'
import { StreamGapError } from '../stream-error.ts'
import { describeGap } from './describe-gap.ts'
import type { PartMemory } from './part-memory.ts'
import { parsePartitionName, partitionName, placingName, replayName } from './partition-of.ts'
import { parseProgress, Progress } from './progress.ts'
import type { ReaderConfig } from './reader-config.ts'
import { wait } from '../wait.ts'

/** Who places holds the lock for three calls. */
const MAX_LOCK_PAUSE_MS = 50

/**
 * Gives every part of a stream its place before any of them is read, all in one step, so that the id begins at one place whoever takes
 * which part when:
 *
 * ```
 *  split otherwise before  ──► where the slowest of those parts stands; they are dropped in the same step
 *  some parts have one     ──► where the id was begun
 *  a new id                ──► where `start` says
 * ```
 * Parts that the log lost, and this process remembers, are left to it.
 *
 * @returns whether its parts may be taken: not while somebody reads it in another number of parts, for then two might handle one row
 * @throws {StreamGapError} when the log no longer reaches back to the wanted time
 * @throws {ProtocolError} `bad_position`
 */
export async function placeParts(config: ReaderConfig, memory: PartMemory): Promise<boolean> {
  if (isPlaced(await look(config, memory))) return true
  const { id, owner, leaseMs, signal, log } = config
  const lock = placingName(id)
  // Two that began it at once, in different numbers of parts, would each see nothing of the other's.
  for (;;) {
    const taken = await log.readers.acquire(lock, { owner, leaseMs })
    if (!('heldByOwner' in taken)) break
    await wait(Math.min(taken.remainingMs, MAX_LOCK_PAUSE_MS), signal)
    if (signal.aborted) return false
  }
  try {
    return await placeMissing(config, await look(config, memory))
  } finally {
    // Who does not reach the log has lost the lease before long.
    await log.readers.drop([lock]).catch(() => false)
  }
}

interface Parts {
  own: ReaderInfo[]
  /** Of the same id, split otherwise. */
  others: ReaderInfo[]
  /** Of its own parts, those of which neither the log nor this process knows a place. */
  missing: number[]
}

async function look({ id, partitions, log }: ReaderConfig, memory: PartMemory): Promise<Parts> {
  const readers = await log.readers.list()
  memory.learnAll(readers, id, partitions)
  const missing = Array.from({ length: partitions }, (_, index) => index).filter((index) => memory.get(index) === undefined)
  return { ...partsOf(readers, id, partitions), missing }
}

function isPlaced({ missing, others }: Parts): boolean {
  return missing.length === 0 && others.length === 0
}

async function placeMissing(config: ReaderConfig, parts: Parts): Promise<boolean> {
  if (isPlaced(parts)) return true
  const { id, partitions, log } = config
  const { own, others, missing } = parts
  const record = await firstRecord(config, own, others)
  const nameOf = (index: number): string => partitionName(id, index, partitions)
  const heir = nameOf(0)
  const replaced = others.flatMap(({ id: other, fence }) => [
    { id: other, fence, heir },
    { id: replayName(other), fence: 0, heir: replayName(heir) },
  ])
  return log.readers.place(missing.map(nameOf), record, replaced)
}

function partsOf(readers: readonly ReaderInfo[], id: string, partitions: number): { own: ReaderInfo[]; others: ReaderInfo[] } {
  const parts = readers.filter((reader) => parsePartitionName(reader.id)?.id === id)
  const isOwn = (reader: ReaderInfo): boolean => parsePartitionName(reader.id)?.partitions === partitions
  return { own: parts.filter(isOwn), others: parts.filter((reader) => !isOwn(reader)) }
}

async function firstRecord(config: ReaderConfig, own: readonly ReaderInfo[], others: readonly ReaderInfo[]): Promise<ReaderRecord> {
  const { identity } = await config.log.state()
  const earlier = slowest(others, identity)
  const sibling = earlier === undefined ? slowest(own, identity) : undefined
  if (sibling !== undefined) return { ...sibling, cursor: parseProgress(sibling).began ?? sibling.cursor }
  const {
    after,
    log = identity,
    notBeforeMs,
  } = earlier === undefined ? await findStart(config) : { ...parseProgress(earlier), after: earlier.cursor }
  const progress = new Progress(log, after)
  progress.notBeforeMs = notBeforeMs
  return progress.record()
}

/** The place that misses nothing of any of them. What is one of a lost log has to say so first. */
function slowest(readers: readonly ReaderInfo[], identity: string): ReaderRecord | undefined {
  let slowestRecord: ReaderRecord | undefined
  for (const { cursor, state = '' } of readers) {
    if (cursor === undefined) continue
    const record = { cursor, state }
    if (parseProgress(record).log !== identity) return record
    if (slowestRecord === undefined || compareEntryIds(cursor, slowestRecord.cursor) < 0) slowestRecord = record
  }
  return slowestRecord
}

interface StartPlace {
  after: EntryId
  log?: string
  /** Changes committed before this time are passed over. */
  notBeforeMs?: number | undefined
}

async function findStart({ id, log, start, limits, onGap }: ReaderConfig): Promise<StartPlace> {
  const state = await log.state()
  const { newest, beginning } = state
  if (start === 'now') return { after: newest ?? beginning }
  if (start === 'beginning') return { after: beginning }
  if (!(start instanceof Date)) return { after: parseEntryId(start.after) }
  const notBeforeMs = start.getTime()
  if ((await log.positionAt(notBeforeMs)) !== undefined) {
    // The log tells times by its server's clock, commits are told by the database's: events are chosen by their own date.
    return { after: (await log.positionAt(notBeforeMs - limits.startMarginMs)) ?? beginning, notBeforeMs }
  }
  // It is begun where the log cannot be: whoever owns it is told so, as of any gap.
  if (onGap !== undefined) return { after: FIRST_ENTRY_ID, notBeforeMs }
  throw new StreamGapError(describeGap(state, id, 'retention', FIRST_ENTRY_ID, `The log does not reach back to ${start.toISOString()}.`))
}
