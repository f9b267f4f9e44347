import { epochOfEntryId, FIRST_ENTRY_ID, isEntryId, type EntryId, type LogEntry } from '@zenstack-live/protocol'
import { flattenBatches } from '../append-order.ts'
import type { AppendBatch, ChangeLog, Continuity, LogState, ReadOptions, Retention, TailOptions, TrimReport } from '../change-log.ts'
import { checkContinuity } from '../check-continuity.ts'
import { chooseCut, type LogSample } from '../choose-cut.ts'
import { conflictError, lostTailError } from '../continuity-error.ts'
import { restoreEntry, storeEntry } from '../entry-codec.ts'
import { optionalEntryId } from '../entry-id-parts.ts'
import { ChangeLogError } from '../errors.ts'
import { CHANGE_LOG_LIMITS, type ChangeLogLimits } from '../limits.ts'
import { shareTail } from '../share-tail.ts'
import { wholePartBefore } from '../whole-part.ts'
import { createAppendQueue, type AppendQueue, type AppendUnit } from './append-queue.ts'
import { createAppendSender, type AppendSender } from './append-command.ts'
import { SAMPLE, TRIM } from './append-script.ts'
import { createDebeziumReader, type DebeziumReader } from './debezium-reader.ts'
import { fitPage, parseLargest } from './fit-page.ts'
import { inspectDebezium } from './inspect-debezium.ts'
import { inspectRedis } from './inspect-redis.ts'
import { connectForBlocking, connectForCommands, runScript, type RedisClient } from './redis-connection.ts'
import { parseEntries, parsePairs, type RawEntry } from './redis-entries.ts'
import { redisError } from './redis-error.ts'
import { DEFAULT_LOG_NAME, logKeys, type LogKeys, type RedisLogOptions } from './redis-options.ts'
import { agreeOnIdentity, createRedisNotes, type RedisNotes } from './redis-notes.ts'
import { createRedisReaders } from './redis-readers.ts'
import { recreatedError, tailRedis, type PlaceFacts } from './redis-tail.ts'

/**
 * Opens the log that lives in a Redis stream, shared by all processes that name it.
 *
 * @throws {ChangeLogError} `log_unavailable` when Redis cannot be reached, `log_unsupported` when it cannot carry the log
 */
export async function openRedisLog(options: RedisLogOptions): Promise<ChangeLog> {
  const redis = connectForCommands(options)
  let connectionError: Error | undefined
  // Lost connections show in the commands that fail by them.
  redis.on('error', (error: Error) => {
    connectionError = error
    options.onWarning?.(`The connection to Redis failed: ${error.message}`)
  })
  try {
    const { warnings } = await inspectRedis(redis)
    for (const warning of warnings) options.onWarning?.(warning)
    const keys = logKeys(options.name ?? DEFAULT_LOG_NAME)
    const limits = { ...CHANGE_LOG_LIMITS, ...options.limits }
    const missing = await inspectDebezium(redis, keys.stream, limits)
    if (missing !== undefined) options.onWarning?.(missing)
    return shareTail(new RedisLog(redis, keys, options, await agreeOnIdentity(redis, keys)), limits)
  } catch (cause) {
    redis.disconnect()
    // A command that was never sent only says that it waited for long enough.
    const isUnsent = cause instanceof Error && cause.name === 'MaxRetriesPerRequestError'
    throw redisError(isUnsent ? (connectionError ?? cause) : cause, 'opening the change log')
  }
}

/** Entries at a time, so that large ones are not read by the hundred. */
const PRIME_STEP = 100

interface LogEnds {
  oldest: EntryId | undefined
  newest: EntryId | undefined
  length: number
  /** Entries the stream ever took; servers before Redis 7 do not say. */
  added: number | undefined
}

class RedisLog implements ChangeLog {
  readonly readers: ChangeLog['readers']
  readonly notes: RedisNotes
  readonly #redis: RedisClient
  readonly #keys: LogKeys
  readonly #options: RedisLogOptions
  readonly #limits: ChangeLogLimits
  readonly #queue: AppendQueue
  readonly #sender: AppendSender
  readonly #closed = new AbortController()
  #identity: string

  constructor(redis: RedisClient, keys: LogKeys, options: RedisLogOptions, identity: string) {
    this.#redis = redis
    this.#keys = keys
    this.#options = options
    this.#limits = { ...CHANGE_LOG_LIMITS, ...options.limits }
    this.#identity = identity
    this.#sender = createAppendSender(redis, 2 * this.#limits.appendChars)
    this.#queue = createAppendQueue(this.#limits, (unit) => this.#send(unit))
    this.readers = createRedisReaders(redis, keys)
    this.notes = createRedisNotes(redis, keys)
  }

  get identity(): string {
    return this.#identity
  }

  async append(batches: readonly AppendBatch[]): Promise<void> {
    const entries = flattenBatches(batches)
    if (entries.length > 0) await this.#queue.append(entries, batches[0]?.after)
  }

  async read(after: EntryId, { count = this.#limits.readEntries, until }: ReadOptions = {}): Promise<LogEntry[]> {
    return this.#asking('reading', async () => {
      const debezium = createDebeziumReader(this.#limits.debeziumTransactions)
      const entries: LogEntry[] = []
      const { stream, meta } = this.#keys
      let cursor = after
      await this.#prime(debezium, after)
      for (;;) {
        const largest = parseLargest(await this.#redis.hget(meta, 'largest'))
        const fitting = await fitPage(this.#redis, stream, { after: cursor, until, count, bytes: this.#limits.readBytes, largest })
        const raw = parseEntries(await this.#redis.xrangeBuffer(stream, `(${cursor}`, until ?? '+', 'COUNT', fitting))
        const last = raw.at(-1)
        if (last === undefined) return [...entries, ...(await this.#readHeld(debezium, cursor))]
        cursor = last.id
        entries.push(...decodeEntries(raw, debezium))
        // Whether its last change ends a transaction may not be known yet: then the next page begins with that.
        if (entries.length > 0) return entries
      }
    })
  }

  async *tail(after: EntryId, { signal, count = this.#limits.readEntries }: TailOptions): AsyncGenerator<readonly LogEntry[]> {
    const stop = AbortSignal.any([signal, this.#closed.signal])
    const redis = connectForBlocking(this.#options)
    redis.on('error', (error: Error) => this.#options.onWarning?.(`The reading connection to Redis failed: ${error.message}`))
    const disconnect = (): void => redis.disconnect()
    stop.addEventListener('abort', disconnect, { once: true })
    try {
      const debezium = createDebeziumReader(this.#limits.debeziumTransactions)
      await this.#prime(debezium, after)
      yield* tailRedis(after, {
        redis,
        stream: this.#keys.stream,
        meta: this.#keys.meta,
        limits: this.#limits,
        fit: (cursor, largest) => fitPage(this.#redis, this.#keys.stream, { after: cursor, count, bytes: this.#limits.readBytes, largest }),
        identity: this.#identity,
        signal: stop,
        debezium,
        continuity: (id) => this.#place(id),
        decode: decodeEntries,
        onWarning: this.#options.onWarning,
      })
      if (this.#closed.signal.aborted && !signal.aborted) throw new ChangeLogError('log_unavailable', 'The change log was closed.')
    } catch (error) {
      if (error instanceof ChangeLogError && error.code === 'log_recreated') await this.#adopt()
      throw error
    } finally {
      stop.removeEventListener('abort', disconnect)
      redis.disconnect()
    }
  }

  async state(): Promise<LogState> {
    return this.#asking('asking for its state', async () => {
      const { stream } = this.#keys
      const [ends, bytes, [identity, trimmed]] = await Promise.all([
        this.#ends(),
        this.#redis.call('MEMORY', 'USAGE', stream).catch(() => undefined),
        this.#redis.hmget(this.#keys.meta, 'identity', 'trimmed'),
      ])
      const newest = await this.#newestEntry()
      return {
        identity: identity ?? (await agreeOnIdentity(this.#redis, this.#keys)),
        epoch: ends.newest === undefined ? 0 : epochOfEntryId(ends.newest),
        beginning: optionalEntryId(trimmed) ?? FIRST_ENTRY_ID,
        oldest: ends.oldest,
        newest: ends.newest,
        newestLsn: newest?.lsn,
        whole: newest === undefined ? undefined : wholePartBefore(newest),
        entries: ends.length,
        bytes: typeof bytes === 'number' ? bytes : undefined,
      }
    })
  }

  async continuity(after: EntryId): Promise<Continuity> {
    const { continuity, identity } = await this.#asking('asking for a place', () => this.#place(after))
    return identity === this.#identity ? continuity : 'foreign'
  }

  async positionAt(timeMs: number): Promise<EntryId | undefined> {
    return this.#asking('looking for a time', async () => {
      const [samples, ends, trimmed] = await Promise.all([this.#samples(), this.#ends(), this.#redis.hget(this.#keys.meta, 'trimmed')])
      const known = samples.findLast((sample) => sample.atMs <= timeMs)?.id
      if (known !== undefined) return known
      // Debezium's ids are clock times themselves.
      if (ends.oldest !== undefined && epochOfEntryId(ends.oldest) === 0 && Number(ends.oldest.split('-')[0]) <= timeMs)
        return `${timeMs - 1}-0` as EntryId
      return trimmed === null ? FIRST_ENTRY_ID : undefined
    })
  }

  async trim(retention: Retention): Promise<TrimReport> {
    return this.#asking('trimming', async () => {
      const { stream, meta, samples } = this.#keys
      const added = Number(await runScript(this.#redis, SAMPLE, [stream, meta, samples], [this.#limits.sampleIntervalMs, this.#limits.maxSamples]))
      const [state, known, readers, time] = await Promise.all([this.state(), this.#samples(), this.readers.list(), this.#redis.time()])
      const { keepFrom, heldBackBy, overtaken } = chooseCut({
        nowMs: Number(time[0]) * 1000 + Number(time[1]) / 1000,
        retention,
        samples: known,
        newest: state.newest,
        added,
        entries: state.entries,
        bytes: state.bytes,
        readers,
      })
      const removed = keepFrom === undefined ? 0 : Number(await runScript(this.#redis, TRIM, [stream, meta, samples], [keepFrom]))
      return { removed, heldBackBy, overtaken }
    })
  }

  async close(): Promise<void> {
    this.#queue.close()
    this.#closed.abort()
    this.#redis.disconnect()
  }

  async #send(unit: AppendUnit): Promise<void> {
    const { stream, meta, samples } = this.#keys
    const { sampleIntervalMs, sampleEntries } = this.#limits
    const { entries, largest, previous } = unit
    const head = { keys: [stream, meta, samples], args: [this.#identity, previous ?? '', sampleIntervalMs, sampleEntries, largest] }
    const reply = await this.#asking('appending', () => this.#sender.send(head, unit))
    const [outcome, first, second] = Array.isArray(reply) ? (reply as unknown[]) : []
    if (outcome === 'ok') return
    if (outcome === 'recreated') {
      await this.#adopt()
      throw recreatedError(stream)
    }
    if (outcome === 'lost_tail') throw lostTailError(optionalEntryId(first), previous)
    const id = String(first)
    const refused = entries.find((entry) => entry.id === id)
    if (refused !== undefined) throw conflictError(refused.id, storeEntry(refused).header, second === '' ? undefined : String(second))
    throw new ChangeLogError('log_unavailable', `Redis answered an append with ${JSON.stringify(reply)}.`)
  }

  /** Takes on the identity of the log that is there now, and gives it one where it has none; last, so that what fails before is done again. */
  async #adopt(): Promise<void> {
    for (const name of await this.notes.agreeAgain())
      this.#options.onWarning?.(
        `The change log was made anew, and another process was the first to agree on its "${name}". Restart this one: what they share must be the same.`,
      )
    this.#identity = await agreeOnIdentity(this.#redis, this.#keys)
  }

  async #place(after: EntryId): Promise<PlaceFacts> {
    const [present, ends, facts] = await Promise.all([
      this.#redis.xrangeBuffer(this.#keys.stream, after, after),
      this.#ends(),
      this.#redis.hmget(this.#keys.meta, 'identity', 'trimmed', 'removed', 'largest'),
    ])
    const trimmed = optionalEntryId(facts[1])
    const continuity = checkContinuity({
      after,
      isPresent: parseEntries(present).length > 0,
      newest: ends.newest,
      oldest: ends.oldest,
      trimmed,
      // Redis 7 counts what was ever added: nobody else has trimmed when ours accounts for the difference.
      isTrimmedExact: ends.added === ends.length + Number(facts[2] ?? 0),
    })
    return { continuity, oldest: ends.oldest, identity: facts[0] ?? undefined, largest: parseLargest(facts[3]) }
  }

  async #ends(): Promise<LogEnds> {
    const reply = await this.#redis.xinfo('STREAM', this.#keys.stream).catch((error: unknown) => {
      if (error instanceof Error && error.message.includes('no such key')) return []
      throw error
    })
    const info = parsePairs(reply)
    const first = info.get('first-entry')
    const last = optionalEntryId(info.get('last-generated-id'))
    return {
      oldest: optionalEntryId(Array.isArray(first) ? first[0] : undefined),
      newest: last === FIRST_ENTRY_ID ? undefined : last,
      length: Number(info.get('length') ?? 0),
      added: info.has('entries-added') ? Number(info.get('entries-added')) : undefined,
    }
  }

  /** The newest one that knows its LSN. */
  async #newestEntry(): Promise<LogEntry | undefined> {
    // The very newest does, unless Debezium writes heartbeats and tombstones behind it.
    for (const count of [1, 50]) {
      const raw = parseEntries(await this.#redis.xrevrangeBuffer(this.#keys.stream, '+', '-', 'COUNT', count)).toReversed()
      const debezium = createDebeziumReader(this.#limits.debeziumTransactions)
      const newest = [...decodeEntries(raw, debezium), ...debezium.release()].findLast((entry) => entry.lsn > 0n)
      if (newest !== undefined) return newest
    }
    return undefined
  }

  async #samples(): Promise<LogSample[]> {
    const flat = await this.#redis.zrange(this.#keys.samples, '0', '-1', 'WITHSCORES')
    const samples: LogSample[] = []
    for (let index = 0; index + 1 < flat.length; index += 2) {
      const [atMs, id] = (flat[index] ?? '').split(':')
      if (id !== undefined && isEntryId(id)) samples.push({ atMs: Number(atMs), id, added: Number(flat[index + 1]) })
    }
    return samples
  }

  /** The change held back at the end of what was asked for: whether it ends its transaction is said by what stands behind it. */
  async #readHeld(debezium: DebeziumReader, after: EntryId): Promise<LogEntry[]> {
    let cursor = after
    while (debezium.isHolding) {
      // END is nearly always the next one.
      const [next] = parseEntries(await this.#redis.xrangeBuffer(this.#keys.stream, `(${cursor}`, '+', 'COUNT', 1))
      // An unfinished transaction's newest change is read when it is known what follows it.
      if (next === undefined) return debezium.flush()
      const [held] = decodeEntries([next], debezium)
      if (held !== undefined) return [held]
      cursor = next.id
    }
    return []
  }

  /** Shows the reader what came just before, so that a resend that begins there is known for one. */
  async #prime(debezium: DebeziumReader, after: EntryId): Promise<void> {
    if (after === FIRST_ENTRY_ID || epochOfEntryId(after) > 0) return
    const { debeziumLookBack, readBytes } = this.#limits
    const before: RawEntry[] = []
    let [from, chars, isMore] = [after as string, 0, true]
    while (isMore && before.length < debeziumLookBack && chars < readBytes) {
      const page = parseEntries(await this.#asking('reading', () => this.#redis.xrevrangeBuffer(this.#keys.stream, from, '-', 'COUNT', PRIME_STEP)))
      for (const { fields } of page) for (const field of fields) chars += field.length
      before.push(...page)
      isMore = page.length === PRIME_STEP
      from = `(${page.at(-1)?.id ?? ''}`
    }
    decodeEntries(before.toReversed(), debezium)
    debezium.release()
  }

  async #asking<Value>(doing: string, run: () => Promise<Value>): Promise<Value> {
    if (this.#closed.signal.aborted) throw new ChangeLogError('log_unavailable', 'The change log was closed.')
    try {
      return await run()
    } catch (cause) {
      throw redisError(cause, doing)
    }
  }
}

function decodeEntries(raw: readonly RawEntry[], debezium: DebeziumReader): LogEntry[] {
  const entries: LogEntry[] = []
  for (const entry of raw) {
    const { id, fields } = entry
    if (fields[0] !== 'h') {
      entries.push(...debezium.feed(entry))
      continue
    }
    if (debezium.isHolding) entries.push(...debezium.release())
    const restored = restoreEntry(id, { header: fields[1] ?? '', key: fields[3] ?? '', value: fields[5] ?? '' })
    if (restored === undefined)
      throw new ChangeLogError('log_conflict', `Entry ${id} has the header "${fields[1] ?? ''}", which this version does not know.`)
    entries.push(restored)
  }
  return entries
}
