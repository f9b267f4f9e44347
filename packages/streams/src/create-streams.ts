import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { ChangeLog } from '@zenstack-live/change-log'
import type { DataModel } from '@zenstack-live/model'
import type { GetModels, SchemaDef } from '@zenstackhq/schema'
import { errorText } from './error-text.ts'
import { createRowExists, type StreamClient } from './filter/stream-client.ts'
import { guardCallback } from './guard-callback.ts'
import { STREAM_LIMITS, type StreamLimits } from './limits.ts'
import { createLiveStream, type LiveStream } from './live-stream.ts'
import { createMatcher } from './matcher.ts'
import { createStreamPages, type StreamPages } from './page/stream-pages.ts'
import type { Deliver, ReaderConfig, RetryPolicy } from './reader/reader-config.ts'
import { runReaderGroup } from './reader/reader-group.ts'
import { createRetryPolicy } from './retry-policy.ts'
import type { EventKind, StreamEvent, StreamRow } from './stream-event.ts'
import { createStreamAdmin, type StreamAdmin } from './stream-admin.ts'
import type {
  DeliveryContext,
  EventFilters,
  HandleSettings,
  KindsOf,
  OptionName,
  StreamOptions,
  StreamSettings,
  WithNames,
} from './stream-options.ts'

export interface StreamsDeps {
  log: ChangeLog
  /** The schema against the database as it is now; asked again when the log says that it changed. */
  dataModel: () => DataModel | Promise<DataModel>
  /** Validates filters, and answers what only the database knows. Used without its plugins. */
  client: StreamClient
  limits?: Partial<StreamLimits>
  /** Told of what is tried again by itself. */
  onWarning?: (message: string) => void
}

/** A handler that runs until its stream ends. */
export interface StreamHandle {
  /** Resolves when the stream was closed or its signal aborted; rejects when it cannot go on (`StreamGapError`, a filter that does not fit). */
  readonly ended: Promise<void>
  /** Takes no more events, waits for handlers that run, saves the place and gives it free. */
  close(): Promise<void>
}

export interface Streams<in out Schema extends SchemaDef> {
  /** The events that an id has not acknowledged yet, and those to come. */
  stream<Model extends GetModels<Schema>, Keys extends OptionName>(
    options: WithNames<Keys> & StreamOptions<Schema, Model>,
  ): LiveStream<StreamEvent<StreamRow<Schema, Model>, KindsOf<Keys>>>

  /** Calls the handler with each event, again when it fails, until it succeeds or the event becomes a dead letter. */
  handle<Model extends GetModels<Schema>, Keys extends OptionName>(
    options: WithNames<Keys> & StreamOptions<Schema, Model>,
    handler: (event: StreamEvent<StreamRow<Schema, Model>, KindsOf<Keys>>, context: DeliveryContext) => unknown,
    settings?: HandleSettings,
  ): StreamHandle

  /** Ids with their places, owners and dead letters. */
  readonly admin: StreamAdmin

  /** Ends all streams of this process, each as its own `close` does. */
  close(): Promise<void>
}

/** Durable readers of one log. Opens nothing until a stream runs; the log stays the caller's to close. */
export function createStreams<Schema extends SchemaDef>(deps: StreamsDeps): Streams<Schema> {
  const limits: StreamLimits = { ...STREAM_LIMITS, ...deps.limits }
  const { log } = deps
  const warn = guardCallback(deps.onWarning ?? ((): void => undefined))
  const exists = createRowExists(deps.client)
  const dataModel = shareDataModel(deps.dataModel)
  const pages = createStreamPages(limits.sharedPages)
  const closed = new AbortController()
  const running = new Set<Promise<void>>()

  const run = async (options: AnyOptions, part: RunPart): Promise<void> => {
    const config = createConfig({ deps, limits, warn, exists, dataModel, pages }, options, part, closed.signal)
    const ended = runReaderGroup(config)
    const settled = ended.catch(() => undefined)
    running.add(settled)
    void settled.finally(() => running.delete(settled))
    await ended
  }

  return {
    stream(options) {
      const any = checkOptions(options)
      return createLiveStream((deliver, signal, concurrency) => run(any, { deliver, signal, concurrency, retries: undefined }))
    },
    handle(options, handler, settings = {}) {
      const any = checkOptions(options)
      const stop = new AbortController()
      const deliver: Deliver = (event, context) => {
        // The matcher made the event from the options that the handler's type was inferred from.
        const handling = (handler as (event: unknown, context: DeliveryContext) => unknown)(event, context)
        return isPromise(handling) ? Promise.resolve(handling) : undefined
      }
      const { concurrency = 1 } = settings
      if (!(concurrency >= 1)) throw new TypeError(`At least one event is handled at once, not ${concurrency}.`)
      const retries = createRetryPolicy(settings, { id: any.id, limits, warn })
      const ended = run(any, { deliver, signal: stop.signal, concurrency, retries })
      ended.catch((error: unknown) => warn(`The stream "${any.id}" ended: ${errorText(error)}`))
      return {
        ended,
        async close() {
          stop.abort()
          await ended.catch(() => undefined)
        },
      }
    },
    admin: createStreamAdmin(log),
    async close() {
      closed.abort()
      await Promise.all(running)
    },
  }
}

type AnyOptions = StreamSettings & EventFilters<unknown> & { model: string }

interface RunPart {
  deliver: Deliver
  signal: AbortSignal
  concurrency: number
  retries: RetryPolicy | undefined
}

interface Shared {
  deps: StreamsDeps
  limits: StreamLimits
  warn: (message: string) => void
  exists: ReturnType<typeof createRowExists>
  dataModel: () => Promise<DataModel>
  pages: StreamPages
}

function createConfig(
  { deps, limits, warn, exists, dataModel, pages }: Shared,
  options: AnyOptions,
  part: RunPart,
  closed: AbortSignal,
): ReaderConfig {
  const signals = [part.signal, closed, ...(options.signal === undefined ? [] : [options.signal])]
  return {
    id: options.id,
    owner: `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`,
    partitions: options.partitions ?? 1,
    start: options.start ?? 'now',
    leaseMs: options.leaseMs ?? limits.leaseMs,
    log: deps.log,
    pages,
    limits,
    createMatcher: async () => createMatcher({ data: await dataModel(), client: deps.client, exists }, options.model, options),
    deliver: part.deliver,
    concurrency: part.concurrency,
    retries: part.retries,
    onGap: options.onGap,
    onWarning: warn,
    signal: AbortSignal.any(signals),
  }
}

/** The same object as long as nothing changed: readers of one model share what one of them decoded. */
function shareDataModel(read: StreamsDeps['dataModel']): () => Promise<DataModel> {
  let known: DataModel | undefined
  return async () => {
    const data = await read()
    if (known?.fingerprint !== data.fingerprint) known = data
    return known
  }
}

function isPromise(value: unknown): value is PromiseLike<void> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

const ID = /^[\w.:@-]{1,128}$/
const KINDS: readonly EventKind[] = ['created', 'updated', 'deleted']

/** What types do not say, or JavaScript did not check. @throws {TypeError} */
function checkOptions(options: object): AnyOptions {
  // A Pick of StreamOptions with all that is required.
  const any = options as AnyOptions
  if (typeof any.model !== 'string') throw new TypeError('A stream needs the name of a model.')
  if (typeof any.id !== 'string' || !ID.test(any.id)) {
    throw new TypeError(`A stream's id is 1 to 128 letters, digits, ".", "_", ":", "@" or "-", not ${JSON.stringify(any.id)?.slice(0, 140)}.`)
  }
  if (KINDS.every((kind) => any[kind] === undefined))
    throw new TypeError(`The stream "${any.id}" asks for nothing. Give it created, updated or deleted.`)
  for (const kind of KINDS) {
    const filter: unknown = any[kind]
    if (filter !== undefined && (typeof filter !== 'object' || filter === null))
      throw new TypeError(`\`${kind}\` of the stream "${any.id}" is a filter, such as {}, not ${JSON.stringify(filter)?.slice(0, 140)}.`)
  }
  const { partitions = 1, leaseMs = STREAM_LIMITS.leaseMs } = any
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > STREAM_LIMITS.maxPartitions) {
    throw new TypeError(`A stream has 1 to ${STREAM_LIMITS.maxPartitions} partitions, not ${partitions}.`)
  }
  if (any.start instanceof Date && Number.isNaN(any.start.getTime())) throw new TypeError(`The stream "${any.id}" begins at a date that is none.`)
  if (!(leaseMs >= 100)) throw new TypeError(`A lease lasts at least 100 ms, not ${leaseMs}.`)
  return any
}
