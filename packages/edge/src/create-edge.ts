import type { ChangeLog } from '@zenstack-live/change-log'
import { createDataModel, readCatalog, type DataModel } from '@zenstack-live/model'
import { formatLsn, LIMITS, type Limits } from '@zenstack-live/protocol'
import type { SchemaDef } from '@zenstackhq/schema'
import { createAsker } from './asker.ts'
import { checkProtection } from './check-protection.ts'
import { Connections } from './connections.ts'
import type { EdgeContext, EdgeLogger } from './edge-context.ts'
import { createEdgeDatabase, type EdgeDatabase } from './edge-database.ts'
import { createFrameCache } from './frame-cache.ts'
import { ALL_GUARDS, type Guards } from './guards.ts'
import { handleRequest, type RequestContext } from './handle-request.ts'
import { Hub } from './hub.ts'
import { IdentityChanges } from './identity-changes.ts'
import { createIdentities } from './identity.ts'
import { createKeys, type Keys } from './keys.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { encodePlace, type LogName, type Place } from './place.ts'
import { Projections, type LiveProjections } from './projections.ts'
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
  /** Lets streams end, each at a moment of its own, within `drainDeadlineMs`. New ones are sent away. */
  drain(): Promise<void>
  close(): Promise<void>
}

const SILENT: EdgeLogger = { warn: () => {}, error: () => {} }
/** Traffic often moves the log past a place by itself; only then is a message of our own written. */
const NUDGE_AFTER_MS = 5

/** @throws {LiveError} `database_unavailable` or `log_unavailable` when one of them does not answer */
export async function createEdge(options: EdgeOptions): Promise<Edge> {
  const { context, close } = await openContext(options)
  const { data, database, keys, hub, metrics, readNeutralPlugins } = context
  const check = (client: Parameters<typeof checkProtection>[0]): void => checkProtection(client, options.dangerouslyAllowUnprotected === true)
  const identities = createIdentities({ data, database, keys, readNeutralPlugins, check })
  const connections = new Connections(context)
  const projections = new Projections(context, options.projections ?? {})
  return {
    handle: (request, requestContext) => handleRequest({ context, identities, connections, projections }, request, requestContext),
    async commitPosition() {
      const lsn = await database.markNow()
      hub.whenPassed(lsn, () => connections.moveIdsSoon())
      return formatLsn(lsn)
    },
    refreshIdentity(id) {
      connections.refreshIdentity(id)
      projections.refreshIdentity(id)
    },
    metrics: () => metrics,
    async drain() {
      await Promise.all([connections.drain(), projections.close()])
    },
    async close() {
      connections.close()
      await projections.close()
      await close()
    },
  }
}

async function openContext(options: EdgeOptions): Promise<{ context: EdgeContext; close(): Promise<void> }> {
  const limits: Limits = { ...LIMITS, ...options.limits }
  const logger = options.logger ?? SILENT
  const onError = (error: unknown): void => logger.warn('A connection broke; it is made again.', { error: String(error) })
  const metrics = createMetrics()
  const keys = createKeys(options.secret)
  const database = createEdgeDatabase({ url: options.database.url, schema: options.schema, limits, onError })
  const nudge = createNudge(database, onError)
  try {
    const data = createDataModel(options.schema, await readCatalog(database.query))
    const hub = await Hub.open({ log: options.log, data, limits, nudge: nudge.soon, onError })
    const withheld = withheldFields(data, options.exclude ?? [])
    const wheel = createTimerWheel()
    const asker = createAsker({ limits, metrics })
    const identityChanges = new IdentityChanges(data, database)
    const context: EdgeContext = {
      data,
      hub,
      database,
      identityChanges,
      asker,
      async ask(client, question) {
        const answer = await asker.ask(client, question)
        if (identityChanges.decidesAnswers) await hub.passed(answer.horizon)
        return answer
      },
      keys,
      limits,
      metrics,
      wheel,
      guards: { ...ALL_GUARDS, ...options.guards },
      logger,
      placeText: createPlaceTexts(keys, () => hub.log),
      sharedFrame: createFrameCache(metrics),
      isWithheld: (model, field) => withheld.has(`${model}.${field}`),
      readNeutralPlugins: options.readNeutralPlugins ?? [],
      nudge: nudge.soon,
    }
    const close = async (): Promise<void> => {
      nudge.cancel()
      identityChanges.close()
      wheel.close()
      await hub.close()
      await database.close()
    }
    return { context, close }
  } catch (error) {
    await database.close()
    throw error
  }
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

function createPlaceTexts(keys: Keys, log: () => LogName): (place: Place) => string {
  const texts = new WeakMap<Place, string>()
  return (place) => {
    const known = texts.get(place)
    if (known !== undefined) return known
    const text = encodePlace(keys, log(), place)
    texts.set(place, text)
    return text
  }
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
