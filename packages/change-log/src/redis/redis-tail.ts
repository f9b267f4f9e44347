import type { EntryId, LogEntry } from '@zenstack-live/protocol'
import { compareEntryIds } from '@zenstack-live/protocol'
import type { Continuity } from '../change-log.ts'
import { continuityError } from '../continuity-error.ts'
import { optionalEntryId } from '../entry-id-parts.ts'
import { ChangeLogError } from '../errors.ts'
import type { ChangeLogLimits } from '../limits.ts'
import type { DebeziumReader } from './debezium-reader.ts'
import { parseLargest } from './fit-page.ts'
import { readWithFacts } from './read-with-facts.ts'
import type { RedisClient } from './redis-connection.ts'
import { parseReadReply, type RawEntry } from './redis-entries.ts'

const FACTS = ['identity', 'trimmed', 'largest'] as const

/** What the log says of a place in it. */
export interface PlaceFacts {
  continuity: Continuity
  oldest: EntryId | undefined
  identity: string | undefined
  /** Size of the log's largest entry, where it is known. */
  largest: number | undefined
}

export interface RedisTailDeps {
  /** A connection for this tail alone. */
  redis: RedisClient
  stream: string
  meta: string
  limits: ChangeLogLimits
  /** Entries to ask for after a place, given the size of the log's largest entry; asked on another connection. */
  fit: (after: EntryId, largest: number | undefined) => Promise<number>
  identity: string
  signal: AbortSignal
  debezium: DebeziumReader
  continuity: (after: EntryId) => Promise<PlaceFacts>
  decode: (entries: readonly RawEntry[], debezium: DebeziumReader) => LogEntry[]
  onWarning: ((message: string) => void) | undefined
}

/**
 * Follows the stream from one connection.
 *
 * ```
 *          ┌──────── connection lost, or `verifyIntervalMs` passed ────────┐
 *          ▼                                                               │
 *      verify ── ok ──► read (finite BLOCK) ── page, with the mark of the last trim ──► yield
 *        │  └─ ahead of the log: wait up to `healMs` for capture to write its tail again
 *        └─ gap, recreated ──► error
 * ```
 * Each read is answered together with the id that retention removed last. Were it beyond the place read from, and the page
 * begins behind it, entries in between went unread.
 */
export async function* tailRedis(after: EntryId, deps: RedisTailDeps): AsyncGenerator<readonly LogEntry[]> {
  const { signal, limits } = deps
  let cursor = after
  let verifiedAt = -Infinity
  let aheadSince: number | undefined
  let largest: number | undefined
  let ahead: Promise<ReadOutcome> | undefined
  // The client repeats an unanswered read on its next connection, which may lead to a log that has less.
  deps.redis.on('close', () => (verifiedAt = -Infinity))
  while (!signal.aborted) {
    if (performance.now() - verifiedAt >= limits.verifyIntervalMs) {
      const outcome = await attempt(deps, () => verify(cursor, deps))
      if (outcome === undefined) continue
      if (outcome.isAhead) {
        aheadSince ??= performance.now()
        if (performance.now() - aheadSince > limits.healMs) throw continuityError('foreign', cursor, undefined)
        await pause(100, signal)
        continue
      }
      aheadSince = undefined
      verifiedAt = performance.now()
      largest = outcome.largest
    }
    const reading = ahead ?? readOnce(cursor, largest, deps)
    ahead = undefined
    const read = await attempt(deps, () => reading)
    if (read === undefined) {
      verifiedAt = -Infinity
      continue
    }
    requireUnbroken(cursor, read, deps)
    largest = read.largest
    const last = read.entries.at(-1)
    if (last !== undefined) cursor = last.id
    if (read.isFull) ahead = readAhead(cursor, largest, deps)
    const page = last === undefined ? deps.debezium.flush() : deps.decode(read.entries, deps.debezium)
    if (page.length > 0) yield page
  }
}

interface ReadOutcome {
  entries: RawEntry[]
  /** Whether there were as many as were asked for, and so perhaps more. */
  isFull: boolean
  identity: string | undefined
  trimmed: EntryId | undefined
  largest: number | undefined
}

/** The next page is on its way while this one is looked at. It does not wait long: what is held for Debezium would wait with it. */
function readAhead(cursor: EntryId, largest: number | undefined, deps: RedisTailDeps): Promise<ReadOutcome> {
  const reading = readOnce(cursor, largest, deps, deps.limits.debeziumIdleMs)
  // Whoever takes it is told; nobody may.
  reading.catch(() => undefined)
  return reading
}

async function readOnce(
  cursor: EntryId,
  largest: number | undefined,
  deps: RedisTailDeps,
  blockMs = deps.debezium.awaitsSilence ? deps.limits.debeziumIdleMs : deps.limits.blockMs,
): Promise<ReadOutcome> {
  const { redis, stream, meta } = deps
  const count = await deps.fit(cursor, largest)
  const { page, facts } = await readWithFacts(redis, ['COUNT', count, 'BLOCK', blockMs, 'STREAMS', stream, cursor], [meta, ...FACTS])
  const [identity, trimmed, noted] = facts
  const entries = parseReadReply(page)
  return {
    entries,
    isFull: entries.length >= count,
    identity: typeof identity === 'string' ? identity : undefined,
    trimmed: optionalEntryId(trimmed),
    largest: parseLargest(noted),
  }
}

function requireUnbroken(cursor: EntryId, { entries, identity, trimmed }: ReadOutcome, deps: RedisTailDeps): void {
  if (identity !== deps.identity) throw recreatedError(deps.stream)
  const first = entries[0]
  const isBehindTrim = trimmed !== undefined && compareEntryIds(cursor, trimmed) < 0
  if (isBehindTrim && (first === undefined || compareEntryIds(trimmed, first.id) < 0)) throw continuityError('gap', cursor, first?.id)
}

async function verify(cursor: EntryId, { continuity, identity, stream }: RedisTailDeps): Promise<{ isAhead: boolean; largest: number | undefined }> {
  const facts = await continuity(cursor)
  if (facts.identity !== identity) throw recreatedError(stream)
  if (facts.continuity === 'gap') throw continuityError('gap', cursor, facts.oldest)
  return { isAhead: facts.continuity !== 'ok', largest: facts.largest }
}

/** Runs it, and again after connections were lost; `undefined` means "look around and go on". */
async function attempt<Value>({ signal, limits, onWarning }: RedisTailDeps, run: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await untilAborted(run(), signal)
  } catch (error) {
    if (error instanceof ChangeLogError && error.code !== 'log_unavailable') throw error
    if (signal.aborted) return undefined
    onWarning?.(`Reading the change log failed and is tried again: ${error instanceof Error ? error.message : String(error)}`)
    await pause(Math.min(limits.reconnectDelayMs, 100 + Math.random() * 200), signal)
    return undefined
  }
}

export function recreatedError(stream: string): ChangeLogError {
  return new ChangeLogError('log_recreated', `The change log "${stream}" was deleted or lost and made anew. Begin again with a snapshot.`)
}

/** A client that is disconnected just while it connects again may leave a command without any answer. */
async function untilAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const give = (): void => reject(new Error('No longer wanted'))
  signal.addEventListener('abort', give)
  if (signal.aborted) give()
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', give)
  }
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, delayMs)
    signal.addEventListener('abort', done, { once: true })
  })
}
