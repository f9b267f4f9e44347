import { compareEntryIds, type EntryId } from '@zenstack-live/protocol'
import type { Retention } from './change-log.ts'
import { nextEntryId, transactionStart } from './entry-id-parts.ts'

/** What the log looked like once, between two transactions: when, its newest entry, and how many entries it had taken by then. */
export interface LogSample {
  atMs: number
  id: EntryId
  added: number
}

export interface CutInput {
  nowMs: number
  retention: Retention
  /** Rising. */
  samples: readonly LogSample[]
  newest: EntryId | undefined
  /** Entries the log has taken in all, and how many of them it still holds. */
  added: number
  entries: number
  bytes: number | undefined
  readers: readonly { id: string; cursor: EntryId | undefined }[]
}

export interface Cut {
  /** The oldest id that stays; `undefined` when nothing goes. */
  keepFrom: EntryId | undefined
  heldBackBy: string | undefined
  overtaken: string[]
}

/**
 * Decides what a log lets go of. At least what the limits allow stays, at most one sample's worth more; a transaction goes whole
 * or not at all; the newest one stays always, so that the log knows where it ends.
 */
export function chooseCut(input: CutInput): Cut {
  const soft = lastBeyond(input, 1)
  if (soft === undefined || input.newest === undefined) return { keepFrom: undefined, heldBackBy: undefined, overtaken: [] }
  const hard = lastBeyond(input, Math.max(1, input.retention.hardFactor ?? 4))
  const slowest = slowestReader(input.readers)
  const isHeld = slowest !== undefined && compareEntryIds(slowest.cursor, soft) < 0
  const wanted = isHeld ? latest(slowest.cursor, hard) : soft
  // Samples stand at the ends of transactions; a reader's cursor may not.
  const last = input.samples.findLast((sample) => compareEntryIds(sample.id, wanted) <= 0)?.id
  return {
    keepFrom: last === undefined ? undefined : earliest(nextEntryId(last), transactionStart(input.newest)),
    heldBackBy: isHeld ? slowest.id : undefined,
    overtaken:
      hard === undefined ? [] : input.readers.filter(({ cursor }) => cursor !== undefined && compareEntryIds(cursor, hard) < 0).map(({ id }) => id),
  }
}

/** The newest sample that may go although every limit were `factor` times as wide. */
function lastBeyond({ nowMs, retention, samples, added, entries, bytes }: CutInput, factor: number): EntryId | undefined {
  const { maxAgeMs, maxEntries, maxBytes } = retention
  const bytesAsEntries = maxBytes === undefined || bytes === undefined || bytes === 0 ? Infinity : (entries * maxBytes) / bytes
  const kept = Math.min(maxEntries ?? Infinity, bytesAsEntries) * factor
  const bornBefore = maxAgeMs === undefined ? -Infinity : nowMs - maxAgeMs * factor
  return samples.findLast((sample) => sample.atMs <= bornBefore || added - sample.added >= kept)?.id
}

function slowestReader(readers: CutInput['readers']): { id: string; cursor: EntryId } | undefined {
  let slowest: { id: string; cursor: EntryId } | undefined
  for (const { id, cursor } of readers) {
    if (cursor !== undefined && (slowest === undefined || compareEntryIds(cursor, slowest.cursor) < 0)) slowest = { id, cursor }
  }
  return slowest
}

function latest(a: EntryId, b: EntryId | undefined): EntryId {
  return b === undefined || compareEntryIds(a, b) >= 0 ? a : b
}

function earliest(a: EntryId, b: EntryId): EntryId {
  return compareEntryIds(a, b) <= 0 ? a : b
}
