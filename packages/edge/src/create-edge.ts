import type { ChangeLog } from '@zenstack-live/change-log'
import { createDataModel, readCatalog, type DataModel } from '@zenstack-live/model'
import { formatLsn, LIMITS, LiveError, type Limits } from '@zenstack-live/protocol'
import type { SchemaDef } from '@zenstackhq/schema'
import { createAsker } from './asker.ts'
import { checkProtection } from './check-protection.ts'
import { createConnections, type Connections } from './connections.ts'
import type { EdgeContext, EdgeLogger } from './edge-context.ts'
import { createEdgeDatabase } from './edge-database.ts'
import { errorResponse } from './error-response.ts'
import { ALL_GUARDS, type Guards } from './guards.ts'
import { openHub } from './hub.ts'
import { createFrameCache } from './frame-cache.ts'
import { createIdentities, type Identities } from './identity.ts'
import { answerRead } from './json-read.ts'
import { createKeys } from './keys.ts'
import type { LiveClient } from './live-client.ts'
import { countIn, createMetrics, type Metrics } from './metrics.ts'
import { parseLiveRequest } from './parse-live-request.ts'
import { encodePlace, type Place } from './place.ts'
import type { NodeSide } from './stream-response.ts'
import { createTimerWheel } from './timer-wheel.ts'

export interface EdgeOptions {
  schema: SchemaDef
  log: ChangeLog
  /** A connection of the edge's own; the pool's size is `maxDatabaseConnections`. */
  database: { url: string }
  /** Signs positions and hides keys. All edges of one log share it; 16 bytes or more. */
  secret: string | Uint8Array
  limits?: Partial<Limits>
  logger?: EdgeLogger
  /** Answers clients without the policy plugin: everybody may read everything. @defaultValue false */
  dangerouslyAllowUnprotected?: boolean
  /** Ids of plugins that change nothing about reads: their clients' queries may be decided in memory. */
  readNeutralPlugins?: readonly string[]
  /** Fields, as `model.field`, whose values never reach the log. */
  exclude?: readonly string[]
  /** @internal For tests only. */
  guards?: Partial<Guards>
}

export interface RequestContext {
  /** The URL's path behind the base: `/task/findMany`, or empty. */
  path: string
  /** The client that answers for this request's user. Asked again while a stream lasts. */
  getClient(): Promise<LiveClient> | LiveClient
  /** Clients with equal keys are set up alike; without one, only those with the very same `$options` are. */
  clientKey?(client: LiveClient): string
  /** Lets blocks go to the socket itself. */
  node?: NodeSide
}

/** Live queries over HTTP, on one change log and one database. */
export interface Edge {
  handle(request: Request, context: RequestContext): Promise<Response>
  /** A place of the write-ahead log that lies behind everything committed so far, and that streams will pass soon. */
  commitPosition(): Promise<string>
  /** Asks `getClient` again for the streams of this user: the id as in the auth model, or its id fields as JSON text. */
  refreshIdentity(id: string): void
  metrics(): Readonly<Metrics>
  /** Lets streams end, each at a moment of its own, within `drainDeadlineMs`. New ones are sent away. */
  drain(): Promise<void>
  close(): Promise<void>
}

const SILENT: EdgeLogger = { warn: () => {}, error: () => {} }
/** Traffic often moves the log past a place by itself; only then is a message of our own written. */
const NUDGE_AFTER_MS = 5

/** @throws {LiveError} `database_unavailable` or `log_unavailable` when one of them does not answer */
export async function createEdge(options: EdgeOptions): Promise<Edge> {
  const limits: Limits = { ...LIMITS, ...options.limits }
  const logger = options.logger ?? SILENT
  const metrics = createMetrics()
  const keys = createKeys(options.secret)
  const database = createEdgeDatabase({
    url: options.database.url,
    schema: options.schema,
    limits,
    onError: (error) => logger.warn('A database connection broke.', { error: error.message }),
  })
  const data = createDataModel(options.schema, await readCatalog(database.query))
  const hub = await openHub({
    log: options.log,
    data,
    limits,
    onError: (error) => logger.error('The change log was interrupted.', { error: String(error) }),
  })
  const wheel = createTimerWheel()
  const texts = new WeakMap<Place, string>()
  const readNeutralPlugins = options.readNeutralPlugins ?? []
  const withheld = withheldFields(data, options.exclude ?? [])
  let nudging: NodeJS.Timeout | undefined

  const context: EdgeContext = {
    data,
    hub,
    database,
    asker: createAsker({ limits, metrics }),
    keys,
    limits,
    metrics,
    wheel,
    guards: { ...ALL_GUARDS, ...options.guards },
    logger,
    placeText(place) {
      const known = texts.get(place)
      if (known !== undefined) return known
      const text = encodePlace(keys, hub.log, place)
      texts.set(place, text)
      return text
    },
    sharedFrame: createFrameCache(metrics),
    isWithheld: (model, field) => withheld.has(`${model}.${field}`),
    readNeutralPlugins,
    nudge() {
      nudging ??= setTimeout(() => {
        nudging = undefined
        database.markNow().catch((error: unknown) => logger.warn('No mark could be written to the write-ahead log.', { error: String(error) }))
      }, NUDGE_AFTER_MS)
    },
  }
  const identities = createIdentities({
    data,
    database,
    keys,
    readNeutralPlugins,
    check: (client) => checkProtection(client, options.dangerouslyAllowUnprotected === true),
  })
  const connections = createConnections(context)

  return {
    handle: (request, requestContext) => handle(context, identities, connections, request, requestContext),
    async commitPosition() {
      const lsn = await database.markNow()
      hub.whenPassed(lsn, () => connections.moveIdsSoon())
      return formatLsn(lsn)
    },
    refreshIdentity: (id) => connections.refreshIdentity(id),
    metrics: () => metrics,
    drain: () => connections.drain(),
    async close() {
      clearTimeout(nudging)
      connections.close()
      wheel.close()
      await hub.close()
      await database.close()
    },
  }
}

async function handle(
  context: EdgeContext,
  identities: Identities,
  connections: Connections,
  request: Request,
  requestContext: RequestContext,
): Promise<Response> {
  try {
    const modelNamed = (name: string): string | undefined => modelOf(context.data, name)
    const live = await parseLiveRequest(request, requestContext.path, context.limits, modelNamed)
    if (live.kind !== 'read' && !connections.hasRoom()) return connections.turnAway()
    const identify = async () => {
      const client = await askClient(requestContext)
      return identities.of(client, requestContext.clientKey?.(client))
    }
    const identity = await identify()
    if (live.kind === 'read') return await answerRead(context, identity, live)
    return connections.open({ live, identity, identify, node: requestContext.node })
  } catch (error) {
    const response = errorResponse(error)
    countIn(context.metrics.refusals, ((await response.clone().json()) as { error: { code: string } }).error.code)
    context.logger.warn('A live request was refused.', { path: requestContext.path, error: error instanceof Error ? error.message : String(error) })
    return response
  }
}

async function askClient(requestContext: RequestContext): Promise<LiveClient> {
  let client: LiveClient | undefined
  try {
    client = await requestContext.getClient()
  } catch (cause) {
    throw new LiveError('unauthenticated', `getClient failed: ${String(cause)}`, { cause })
  }
  if (client === null || client === undefined) throw new LiveError('unauthenticated', 'getClient returned no client.')
  return client
}

/** The schema's model for a name whose first letter may be in lower case, as in URLs. */
function modelOf(data: DataModel, name: string): string | undefined {
  if (data.models.has(name)) return name
  const upper = name.slice(0, 1).toUpperCase() + name.slice(1)
  if (data.models.has(upper)) return upper
  return [...data.models.keys()].find((model) => model.slice(0, 1).toLowerCase() + model.slice(1) === name)
}

/** What the capture leaves out: excluded fields, and those with `@omit`, but for ids. */
function withheldFields(data: DataModel, exclude: readonly string[]): ReadonlySet<string> {
  const fields = [...data.models.values()].flatMap((model) => [...model.fields.values()].map((field) => ({ model, field })))
  const isExcluded = (name: string): boolean => exclude.some((one) => one.toLowerCase() === name.toLowerCase())
  return new Set(
    fields
      .filter(({ model, field }) => !model.idFields.includes(field.name) && (field.isOmitted || isExcluded(`${model.name}.${field.name}`)))
      .map(({ model, field }) => `${model.name}.${field.name}`),
  )
}
