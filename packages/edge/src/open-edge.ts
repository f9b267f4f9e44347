import type { ChangeLog } from '@zenstack-live/change-log'
import { createDataModel, readCatalog, type DataModel } from '@zenstack-live/model'
import { formatLsn, type Limits } from '@zenstack-live/protocol'
import type { SchemaDef } from '@zenstackhq/schema'
import { createAsker } from './database/asker.ts'
import { STATEMENTS_PLUGIN } from './database/statements.ts'
import { createTableFiles } from './database/table-files.ts'
import { checkProtection } from './identity/check-protection.ts'
import { ChunkWriter } from './streams/chunk-writer.ts'
import { loadSocketWriter } from './streams/load-socket-writer.ts'
import { StreamTally } from './streams/stream-tally.ts'
import { TickWheel } from './streams/tick-wheel.ts'
import { tickMs } from './streams/connection-life.ts'
import { Connections } from './streams/connections.ts'
import type { EdgeContext, EdgeLogger } from './edge-context.ts'
import { createEdgeDatabase, type EdgeDatabase } from './database/edge-database.ts'
import { ALL_GUARDS, type Guards } from './guards.ts'
import { handleRequest, type RequestContext } from './requests/handle-request.ts'
import { checkHealth, type Health } from './operations/health.ts'
import { CaptureWatch } from './log/capture-watch.ts'
import { Hub } from './log/hub.ts'
import { IdentityChanges } from './identity/identity-changes.ts'
import { createIdentities } from './identity/identity.ts'
import { createKeys, type Keys } from './keys.ts'
import type { Metrics } from './operations/metrics.ts'
import { createPlaceTexts } from './streams/place-texts.ts'
import { Projections, type LiveProjections } from './projections/projections.ts'
import { readLimits } from './read-limits.ts'
import { stopAtSchemaMarks } from './log/stop-at-schema-marks.ts'
import { createSharedFrames } from './queries/incremental/shared-frames.ts'
import { createNextMoments } from './queries/requery/next-moments.ts'
import { shareQuestions } from './database/share-questions.ts'
import { Visitors } from './identity/visitors.ts'
import { createTracing, type OpenTelemetryApi } from './operations/tracing.ts'

export interface EdgeOptions {
  schema: SchemaDef
  log: ChangeLog
  /** A connection of the edge's own; the pool's size is `maxDatabaseConnections`. */
  database: { url: string }
  /** Signs positions and hides keys. All edges of one log share it; 16 bytes or more. */
  secret: string | Uint8Array
  /** Whose tables the change log holds: others are refused. @defaultValue none, and then every table is taken to be in the log */
  publication?: string
  limits?: Partial<Limits>
  logger?: EdgeLogger
  /** Traces each commit from its timestamp to the sockets: `@opentelemetry/api`. @defaultValue none, which costs nothing */
  openTelemetry?: OpenTelemetryApi
  /** Answers clients without the policy plugin: everybody may read everything. @defaultValue false */
  dangerouslyAllowUnprotected?: boolean
  /** Ids of plugins that change nothing about reads: their clients' queries may be decided in memory. */
  readNeutralPlugins?: readonly string[]
  /** Fields, as `model.field`, whose values never reach the log. */
  exclude?: readonly string[]
  /** What `{base}/$projections/{name}/{id}` shows, by name. */
  projections?: LiveProjections
  /** @internal For tests only. */
  guards?: Partial<Guards>
}

/** Live queries over HTTP, on one change log and one database. */
export interface Edge {
  handle(request: Request, context: RequestContext): Promise<Response>
  /** A place of the write-ahead log that lies behind everything committed so far, and that streams will pass soon. */
  commitPosition(): Promise<string>
  /** Asks `getClient` again for the streams of this user: the id as in the auth model, or its id fields as JSON text. */
  refreshIdentity(id: string): void
  metrics(): Readonly<Metrics>
  /** The same, and how far the capture and durable readers are behind while those answer who know, in Prometheus' text format. */
  metricsText(): Promise<string>
  /** Whether newcomers can be served: what they need answers, and nothing is being shut down. Writes a mark to the write-ahead log. */
  health(): Promise<Health>
  /** Lets streams end, each at a moment of its own, within `drainDeadlineMs`. New ones are sent away. */
  drain(): Promise<void>
  close(): Promise<void>
}

const SILENT: EdgeLogger = { warn: () => {}, error: () => {} }
/** Traffic often moves the log past a place by itself; only then is a message of our own written. */
const NUDGE_AFTER_MS = 5

/** An edge on the database's tables as they are when it is opened. */
export interface OpenEdge extends Omit<Edge, 'metrics' | 'metricsText'> {
  /** Resolves when the tables are others than this edge knows. It reads nothing of what came after. */
  readonly otherTables: Promise<void>
  /** Sends everybody away who is there: to come back to an edge that knows the tables as they are now. */
  sendAway(): void
  /** @see CaptureWatch.behindMs */
  captureBehindMs(): Promise<number>
}

/**
 * @throws {LiveError} `database_unavailable` or `log_unavailable` when one of them does not answer
 * @throws {TypeError} when `options` cannot be used
 */
export async function openEdge(options: EdgeOptions, metrics: Metrics): Promise<OpenEdge> {
  for (;;) {
    const opened = await openContext(options, metrics)
    try {
      // The log was read up to its end after the tables were: a change of theirs in between was passed over.
      if (await opened.areTablesSame()) return createOpenEdge(options, opened)
    } catch (error) {
      await opened.close()
      throw error
    }
    await opened.close()
  }
}

function createOpenEdge(options: EdgeOptions, { context, otherTables, close }: OpenContext): OpenEdge {
  const { data, database, keys, readNeutralPlugins } = context
  const check = (client: Parameters<typeof checkProtection>[0]): void => checkProtection(client, options.dangerouslyAllowUnprotected === true)
  const identities = createIdentities({ data, database, keys, readNeutralPlugins, check, isScoped: context.guards.scopesIdentity })
  const connections = new Connections(context)
  const projections = new Projections(context, options.projections ?? {})
  const visitors = new Visitors(context, identities)
  const capture = new CaptureWatch(context)
  return {
    handle: (request, requestContext) => handleRequest({ context, visitors, connections, projections }, request, requestContext),
    async commitPosition() {
      const lsn = await database.markNow()
      connections.moveIdsAfter(lsn)
      return formatLsn(lsn)
    },
    refreshIdentity(id) {
      connections.refreshIdentity(id)
      projections.refreshIdentity(id)
    },
    otherTables,
    captureBehindMs: () => capture.behindMs(),
    health: () => checkHealth({ log: options.log, database, capture, isDraining: connections.isDraining }),
    async drain() {
      await Promise.all([connections.drain(), projections.close()])
    },
    sendAway: () => connections.close(),
    async close() {
      connections.close()
      await projections.close()
      await close()
    },
  }
}

interface OpenContext {
  context: EdgeContext
  otherTables: Promise<void>
  close(): Promise<void>
  areTablesSame(): Promise<boolean>
}

async function openContext(options: EdgeOptions, metrics: Metrics): Promise<OpenContext> {
  const { logger = SILENT } = options
  const onError = (error: unknown): void => logger.warn('A connection broke; it is made again.', { error: String(error) })
  const sources = await openSources(options, { limits: readLimits(options.limits), metrics, onError })
  try {
    const context = createContext(options, sources)
    const close = async (): Promise<void> => {
      context.wheel.close()
      context.identityChanges.close()
      await sources.close()
    }
    return { context, close, otherTables: sources.otherTables, areTablesSame: sources.areTablesSame }
  } catch (error) {
    await sources.close()
    throw error
  }
}

interface Operating {
  limits: Limits
  metrics: Metrics
  onError(error: unknown): void
}

/** What an edge reads from: its database, the tables as they are when it is opened, and the log up to its end. */
interface Sources extends Operating {
  keys: Keys
  database: EdgeDatabase
  data: DataModel
  hub: Hub
  nudge(): void
  areTablesSame(): Promise<boolean>
  onOtherTables(): void
  otherTables: Promise<void>
  close(): Promise<void>
}

async function openSources(options: EdgeOptions, operating: Operating): Promise<Sources> {
  const { limits, onError } = operating
  const { schema, readNeutralPlugins = [] } = options
  const keys = createKeys(options.secret)
  const database = createEdgeDatabase({ ...operating, url: options.database.url, schema, readNeutralPlugins })
  const { promise: otherTables, resolve: onOtherTables } = Promise.withResolvers<void>()
  try {
    const readTables = async (): Promise<DataModel> => createDataModel(schema, await readCatalog(database.query, options))
    const data = await readTables()
    const areTablesSame = async (): Promise<boolean> => (await readTables()).fingerprint === data.fingerprint
    const log = stopAtSchemaMarks(options.log, async (signal) => {
      const isSame = await untilAnswered(areTablesSame, signal, onError)
      if (!isSame && !signal.aborted) onOtherTables()
      return isSame
    })
    const lookBackMs = limits.lookBackMs + (await database.oldestStalledCommitMs())
    const nudge = createNudge(database, onError)
    const hub = await Hub.open({ log, data, limits, lookBackMs, nudge: nudge.soon, onError })
    const close = async (): Promise<void> => {
      nudge.cancel()
      await hub.close()
      await database.close()
    }
    return { ...operating, keys, database, data, hub, nudge: nudge.soon, areTablesSame, onOtherTables, otherTables, close }
  } catch (error) {
    await database.close()
    throw error
  }
}

function createContext(options: EdgeOptions, sources: Sources): EdgeContext {
  const { limits, metrics, keys, database, data, hub, nudge } = sources
  const { logger = SILENT, readNeutralPlugins = [] } = options
  const asking = createAsking(database, data, { limits, metrics })
  const guards = { ...ALL_GUARDS, ...options.guards }
  const identityChanges = new IdentityChanges(data, { database, hub, guards, limits })
  const ask = createAsk({ ...asking, hub, guards, identityChanges, metrics })
  return {
    data,
    hub,
    database,
    identityChanges,
    ...asking,
    ask,
    askShared: shareQuestions(ask, hub),
    keys,
    limits,
    metrics,
    tracing: options.openTelemetry === undefined ? undefined : createTracing(options.openTelemetry),
    guards,
    logger,
    ...createPlaceTexts(keys, () => hub.log),
    framesOf: createSharedFrames(keys, metrics),
    isWithheld: withheldFields(data, options.exclude ?? []),
    readNeutralPlugins: [...readNeutralPlugins, STATEMENTS_PLUGIN],
    nudge,
    onRefusedTable: createSecondLook(sources),
    // It holds a timer: nothing fails behind it.
    ...createWriting({ limits, metrics, logger }),
  }
}

/** Where rows decide who somebody is, an answer counts when the log has passed what it shows. */
function createAsk({
  asker,
  hub,
  guards,
  identityChanges,
  metrics,
}: Pick<EdgeContext, 'asker' | 'hub' | 'guards' | 'identityChanges' | 'metrics'>): EdgeContext['ask'] {
  return async (client, question, isWanted) => {
    const answer = await asker.ask(client, question, isWanted)
    if (!guards.holdsAnswers || !identityChanges.decidesAnswers) return answer
    // While the log stands still, they are no more than may wait for the database.
    metrics.questionsWaitingNow++
    await hub.passed(answer.horizon).finally(() => metrics.questionsWaitingNow--)
    return answer
  }
}

/** What asks the database. */
function createAsking(database: EdgeDatabase, data: DataModel, of: Pick<EdgeContext, 'limits' | 'metrics'>): Pick<EdgeContext, 'asker' | 'moments'> {
  const asker = createAsker({ ...of, statements: database.statements, tableFiles: createTableFiles(database, data) })
  return { asker, moments: createNextMoments({ asker, database }) }
}

/** What all streams write with, and who looks after them. */
function createWriting({
  limits,
  metrics,
  logger,
}: Pick<EdgeContext, 'limits' | 'metrics' | 'logger'>): Pick<EdgeContext, 'chunks' | 'wheel' | 'tally'> {
  const onUnfit = (error: unknown): void => logger.warn('The socket writer does not fit; Node writes alone.', { error: String(error) })
  const chunks = new ChunkWriter(metrics, loadSocketWriter(onUnfit))
  return { chunks, wheel: new TickWheel(tickMs(limits), () => chunks.forget()), tally: new StreamTally() }
}

const LOOK_AGAIN_MS = 5_000

/** Of a table that was never captured before nothing in the log tells that it is now. */
function createSecondLook({ areTablesSame, onOtherTables, onError }: Pick<Sources, 'areTablesSame' | 'onOtherTables' | 'onError'>): () => void {
  let lookedAtMs = Number.NEGATIVE_INFINITY
  const look = async (): Promise<void> => {
    if (!(await areTablesSame())) onOtherTables()
  }
  return () => {
    if (performance.now() - lookedAtMs < LOOK_AGAIN_MS) return
    lookedAtMs = performance.now()
    void look().catch(onError)
  }
}

const ASK_AGAIN_MS = 500

/** @returns `false` when the signal came before an answer */
async function untilAnswered(ask: () => Promise<boolean>, signal: AbortSignal, onError: (error: unknown) => void): Promise<boolean> {
  while (!signal.aborted) {
    try {
      return await ask()
    } catch (error) {
      onError(error)
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS))
    }
  }
  return false
}

/** Writes a mark to the write-ahead log soon, so that the change log passes what came before it. */
function createNudge(database: EdgeDatabase, onError: (error: unknown) => void): { soon(): void; cancel(): void } {
  let timer: NodeJS.Timeout | undefined
  return {
    soon() {
      timer ??= setTimeout(() => {
        timer = undefined
        database.markNow().catch(onError)
      }, NUDGE_AFTER_MS)
    },
    cancel: () => clearTimeout(timer),
  }
}

/** What the capture leaves out: excluded fields, and those with `@omit`, but for ids. */
function withheldFields(data: DataModel, exclude: readonly string[]): EdgeContext['isWithheld'] {
  const fields = [...data.models.values()].flatMap((model) => [...model.fields.values()].map((field) => ({ model, field })))
  const isExcluded = (name: string): boolean => exclude.some((one) => one.toLowerCase() === name.toLowerCase())
  const withheld = new Set(
    fields
      .filter(({ model, field }) => !model.idFields.includes(field.name) && (field.isOmitted || isExcluded(`${model.name}.${field.name}`)))
      .map(({ model, field }) => `${model.name}.${field.name}`),
  )
  return (model, field) => withheld.has(`${model}.${field}`)
}
