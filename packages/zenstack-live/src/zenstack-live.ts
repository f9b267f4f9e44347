import { randomBytes } from 'node:crypto'
import { DEFAULT_CAPTURE_NAME, setUpCapture, startCapture, type Capture } from '@zenstack-live/cdc'
import { openEmbeddedLog, openRedisLog, type ChangeLog, type Retention } from '@zenstack-live/change-log'
import { createEdge, type Edge, type EdgeLogger, type LiveClient, type LiveProjections, type OpenTelemetryApi } from '@zenstack-live/edge'
import { LiveError, type Limits } from '@zenstack-live/protocol'
import { createStreamAdmin, createStreams, type StreamAdmin, type StreamClient, type Streams } from '@zenstack-live/streams'
import type { SchemaDef } from '@zenstackhq/schema'
import { capturedTables } from './captured-tables.ts'
import { deferAdmin, deferStreams, type StreamCalls, type UntypedStreamCalls } from './defer-streams.ts'
import { guardLogger } from './guard-logger.ts'
import { DEFAULT_LOG_DIRECTORY } from './log-directory.ts'
import { logSink } from './log-sink.ts'
import { readDataModel } from './read-data-model.ts'
import { DEFAULT_RETENTION, TRIM_INTERVAL_MS } from './retention.ts'

/** Any `ClientContract` of the schema. An edge that runs no streams needs no more than the schema. */
export type ApplicationClient<Schema extends SchemaDef> = LiveClient & { readonly $schema: Schema; $unuseAll?(): unknown }

export interface ZenStackLiveOptions<Schema extends SchemaDef = SchemaDef> {
  /** A client of the application: its schema, and what backend streams ask. What a user may see is decided by the clients that `getClient` gives. */
  client: ApplicationClient<Schema>
  /** Where the change log lives. Without it, in a file of this process (`directory`), which no other process can share. */
  redis?: { url: string; /** @defaultValue `zenstack:changes` */ name?: string }
  /** A direct connection, never a pooler's. @defaultValue `DATABASE_URL` */
  database?: { url: string }
  /** Read changes from Postgres in this process. Of many such processes one does, the others stand by. @defaultValue true */
  capture?: boolean
  /**
   * Prepare the database for the capture when this process starts: replica identity FULL, publication, slot.
   *
   * @defaultValue true without Redis; with it, run `zenstack-live setup` once instead
   */
  setUp?: boolean
  /** @defaultValue `zenstack_live` */
  slot?: string
  /** @defaultValue `zenstack_live` */
  publication?: string
  /** Signs positions and hides keys; all edges share it. @defaultValue made once and kept with the log */
  secret?: string
  limits?: Partial<Limits>
  /** Fields, as `User.passwordHash`, whose values never leave the database for the log. Those with `@omit` never do. */
  exclude?: readonly string[]
  /**
   * Projections of `@zenstack-live/event-sourcing` that browsers may watch, by name: `{ cart: { projection: client.live(cartProjection), authorize } }`.
   * Their event tables are captured too, without a value of them.
   */
  projections?: LiveProjections
  /** How much the log keeps. @defaultValue a day, and 1 GiB */
  retention?: Retention
  /** Of the log without Redis. @defaultValue `.zenstack-live` */
  directory?: string
  logger?: LiveLogger
  /** Traces each commit from its timestamp to the sockets: `import * as openTelemetry from '@opentelemetry/api'`. @defaultValue none, which costs nothing */
  openTelemetry?: OpenTelemetryApi
  /** Answer clients without the policy plugin. @defaultValue false */
  dangerouslyAllowUnprotected?: boolean
  /** Ids of plugins that change nothing about reads. */
  readNeutralPlugins?: readonly string[]
}

export interface LiveLogger extends EdgeLogger {
  info(message: string, facts?: Record<string, unknown>): void
}

interface Parts {
  log: ChangeLog
  edge: Edge
  streams: Streams<SchemaDef> | undefined
  capture: Capture | undefined
  trimming: NodeJS.Timeout | undefined
}

const SECRET_NOTE = 'secret'

const NO_DATABASE = 'Give `database: { url }`, or set DATABASE_URL: ZenStack LIVE needs a connection of its own.'

/** What streams wait for, in the words of an operator. */
const AWAY = { database: 'the database', log: 'Redis' }

const CONSOLE: LiveLogger = {
  info: () => {},
  warn: (message, facts) => console.warn(`zenstack-live: ${message}`, facts ?? ''),
  error: (message, facts) => console.error(`zenstack-live: ${message}`, facts ?? ''),
}

/**
 * Makes every query of a ZenStack schema live: reads changes from Postgres, keeps them in the change log, and serves them.
 *
 * @example
 * const live = new ZenStackLive({ client: db, redis: { url: 'redis://localhost:6379' } })
 * app.use('/api/live/*', createHonoLiveHandler({ live, getClient }))
 */
// Without a schema named, any: one that is typed by its client must fit wherever just "a ZenStackLive" is asked for.
// oxlint-disable-next-line typescript/no-explicit-any
export class ZenStackLive<in out Schema extends SchemaDef = any> {
  /**
   * The changes of a model, durably: `for await (const event of live.stream({ model: 'User', id: 'welcome', created: {} }))`.
   * Asking for the next event acknowledges the last; what was not acknowledged comes again, in this process or another.
   */
  readonly stream: StreamCalls<Schema>['stream']
  /** The same with a handler: concurrent, in order per row, with retries and dead letters. */
  readonly handle: StreamCalls<Schema>['handle']
  /** Ids with their places, owners and dead letters; what `zenstack-live streams` shows. */
  readonly streams: StreamAdmin
  readonly #options: ZenStackLiveOptions<Schema>
  readonly #logger: LiveLogger
  #parts: Promise<Parts> | undefined
  readonly #closed = new AbortController()

  constructor(options: ZenStackLiveOptions<Schema>) {
    this.#options = options
    this.#logger = options.logger === undefined ? CONSOLE : guardLogger(options.logger)
    // The types are those of the client's schema; inside, streams know none.
    const { stream, handle } = deferStreams({
      open: () => this.#streams(),
      onWaiting: (away, error) => this.#logger.warn(`Backend streams wait for ${AWAY[away]} and try again.`, { error: String(error) }),
      onNotHandled: (error) => this.#logger.error('A handler of live.handle does not run.', { error: String(error) }),
      signal: this.#closed.signal,
    }) as unknown as StreamCalls<Schema>
    this.stream = stream
    this.handle = handle
    this.streams = deferAdmin(async () => createStreamAdmin(await this.log()))
  }

  /**
   * Resolves when queries can be opened: the log and the database answered, and the capture has begun. Starts it all when nothing
   * has yet; a failed start may be tried again.
   *
   * @throws {LiveError} `database_unavailable`, or the change log's codes
   */
  async ready(): Promise<void> {
    await this.#open({ isTold: true })
  }

  /** What answers requests. @internal */
  async edge(): Promise<Edge> {
    return (await this.#open()).edge
  }

  /** The change log. @internal */
  async log(): Promise<ChangeLog> {
    return (await this.#open()).log
  }

  /** The capture of this process; `undefined` with `capture: false`. @internal */
  async capture(): Promise<Capture | undefined> {
    return (await this.#open()).capture
  }

  /** Asks `getClient` again for the streams of this user, when something outside the database changed what they may see. */
  async refreshIdentity(id: string): Promise<void> {
    ;(await this.#open()).edge.refreshIdentity(id)
  }

  /** Lets streams end in an orderly way, then closes everything. */
  async close(): Promise<void> {
    this.#closed.abort()
    const parts = await this.#parts?.catch(() => undefined)
    this.#parts = undefined
    if (parts === undefined) return
    clearInterval(parts.trimming)
    // Before the log that they save their places in.
    await parts.streams?.close()
    await parts.edge.drain()
    await parts.edge.close()
    await parts.capture?.close()
    await parts.log.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** @param isTold - whether who asks learns why it failed, and need not be told in the log */
  #open({ isTold = false } = {}): Promise<Parts> {
    if (this.#closed.signal.aborted) return Promise.reject(new LiveError('overloaded', 'This ZenStackLive was closed.'))
    this.#parts ??= this.#start().catch((error: unknown) => {
      this.#parts = undefined
      // A browser is told a code; whoever runs the server has to know more.
      if (!isTold) this.#logger.error('ZenStack LIVE could not start; the next request tries again.', { error: String(error) })
      throw error
    })
    return this.#parts
  }

  async #start(): Promise<Parts> {
    const options = this.#options
    const url = databaseUrl(options)
    const data = await readDataModel(options.client.$schema, url)
    const tables = capturedTables(data, options)
    const log = await openLog(options, this.#logger)
    let capture: Capture | undefined
    try {
      if (options.capture !== false) capture = await this.#capture(log, url, tables)
      const secret = options.secret ?? (await log.notes.agree(SECRET_NOTE, randomBytes(32).toString('base64url')))
      const edge = await createEdge({
        schema: options.client.$schema,
        log,
        database: { url },
        publication: options.publication ?? DEFAULT_CAPTURE_NAME,
        secret,
        logger: this.#logger,
        ...(options.openTelemetry === undefined ? {} : { openTelemetry: options.openTelemetry }),
        ...(options.limits === undefined ? {} : { limits: options.limits }),
        ...(options.exclude === undefined ? {} : { exclude: options.exclude }),
        ...(options.projections === undefined ? {} : { projections: options.projections }),
        ...(options.dangerouslyAllowUnprotected === undefined ? {} : { dangerouslyAllowUnprotected: options.dangerouslyAllowUnprotected }),
        ...(options.readNeutralPlugins === undefined ? {} : { readNeutralPlugins: options.readNeutralPlugins }),
      })
      return { log, edge, capture, streams: undefined, trimming: capture === undefined ? undefined : this.#trimAtIntervals(log) }
    } catch (error) {
      await capture?.close()
      await log.close()
      throw error
    }
  }

  async #streams(): Promise<UntypedStreamCalls> {
    const { client } = this.#options
    if (client.$unuseAll === undefined) throw new TypeError('Backend streams need the ZenStack client itself: new ZenStackLive({ client: db }).')
    if (databaseUrlOf(this.#options) === undefined) throw new TypeError(NO_DATABASE)
    const parts = await this.#open({ isTold: true })
    parts.streams ??= createStreams<SchemaDef>({
      log: parts.log,
      dataModel: () => readDataModel(client.$schema, databaseUrl(this.#options)),
      client: client as StreamClient,
      onWarning: (message) => this.#logger.warn(message),
    })
    return parts.streams as unknown as UntypedStreamCalls
  }

  async #capture(log: ChangeLog, url: string, tables: ReturnType<typeof capturedTables>): Promise<Capture> {
    const names = {
      ...(this.#options.slot === undefined ? {} : { slot: this.#options.slot }),
      ...(this.#options.publication === undefined ? {} : { publication: this.#options.publication }),
    }
    if (this.#options.setUp ?? this.#options.redis === undefined) {
      const report = await setUpCapture({ url, tables, ...names })
      for (const statement of report.statements) this.#logger.info(`Prepared the database: ${statement}`)
    }
    return startCapture({
      url,
      tables,
      ...names,
      sink: logSink(log),
      logger: this.#logger,
    })
  }

  #trimAtIntervals(log: ChangeLog): NodeJS.Timeout {
    const trim = async (): Promise<void> => {
      try {
        await log.trim(this.#options.retention ?? DEFAULT_RETENTION)
      } catch (error) {
        this.#logger.warn('The change log could not be trimmed.', { error: String(error) })
      }
    }
    const timer = setInterval(() => void trim(), TRIM_INTERVAL_MS)
    timer.unref()
    return timer
  }
}

function databaseUrl(options: Pick<ZenStackLiveOptions, 'database'>): string {
  const url = databaseUrlOf(options)
  if (url === undefined) throw new LiveError('database_unavailable', NO_DATABASE)
  return url
}

function databaseUrlOf({ database }: Pick<ZenStackLiveOptions, 'database'>): string | undefined {
  const url = database?.url ?? process.env['DATABASE_URL']
  return url === '' ? undefined : url
}

async function openLog(options: Pick<ZenStackLiveOptions, 'redis' | 'directory'>, logger: LiveLogger): Promise<ChangeLog> {
  if (options.redis === undefined) return openEmbeddedLog({ directory: options.directory ?? DEFAULT_LOG_DIRECTORY })
  const { url, name } = options.redis
  return openRedisLog({ url, ...(name === undefined ? {} : { name }), onWarning: (message) => logger.warn(message) })
}
