import { clientFacts } from '@zenstack-live/access'
import { LiveError, parseLsn, type Limits, type Lsn } from '@zenstack-live/protocol'
import { ZenStackClient, type AnyPlugin, type ClientContract, type ClientOptions } from '@zenstackhq/orm'
import type { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import type { SchemaDef } from '@zenstackhq/schema'
import pg from 'pg'
import { coalesce } from './coalesce.ts'
import { Statements } from './statements.ts'
import { BoundClient } from '../identity/bound-client.ts'
import type { EdgeClient, LiveClient, QueryBuilder } from '../identity/live-client.ts'
import type { Metrics } from '../operations/metrics.ts'
import { within } from '../within.ts'

/** The edge's own connections to Postgres: a bounded pool that the application's requests do not share. */
export interface EdgeDatabase {
  query(sql: string, parameters?: unknown[]): Promise<Record<string, unknown>[]>
  /**
   * The user's client, with its options and identity, on the edge's pool.
   *
   * @throws {LiveError} `foreign_database` when it is connected to another database.
   */
  bind(client: LiveClient): Promise<EdgeClient>
  /** A client of the schema without policies, for what rules ask. Its answers never go to anybody. */
  unprotected(): EdgeClient
  /** Whether the client of these options connects as the same database user as the edge. Known after {@link bind}. */
  isSameUser(client: LiveClient): boolean
  /** A place in the write-ahead log that everything committed before the call lies before, and that the log will pass. */
  markNow(): Promise<Lsn>
  /** A place in the write-ahead log that all lies before what the database showed before the call. Nothing is written: the log may not pass it by itself. */
  endOfLog(): Promise<Lsn>
  /** For how long at most a commit has waited for a standby, and snapshots not shown it, of those this user may know of; 0 without one. */
  oldestStalledCommitMs(): Promise<number>
  /** What its clients say again. */
  readonly statements: Statements
  close(): Promise<void>
}

interface Bound {
  base: EdgeClient
  user: string
}

interface Whereabouts {
  place: string
  user: string
}

// The message is transactional and commits locally: it is flushed at once, also where commits are asynchronous or wait for a standby.
const MARK = `SELECT pg_current_wal_insert_lsn()::text AS lsn, set_config('synchronous_commit', 'local', true),
  pg_logical_emit_message(true, 'zenstack_live', '')::text AS message`

// Not pg_current_wal_lsn(): it lags behind commits that did not wait for the disk (synchronous_commit=off).
const END_OF_LOG = 'SELECT pg_current_wal_insert_lsn()::text AS lsn'

// A commit that waits for a standby is in the log, and still counts as running. It was written after its statement began.
const OLDEST_STALLED_COMMIT = `SELECT ceil(extract(epoch FROM clock_timestamp() - min(query_start)) * 1000) AS ms
  FROM pg_stat_activity WHERE wait_event = 'SyncRep'`

const WHEREABOUTS = `SELECT current_database()::text AS database, pg_postmaster_start_time()::text AS started, current_user::text AS user`

export interface EdgeDatabaseOptions {
  url: string
  schema: SchemaDef
  limits: Limits
  metrics: Metrics
  /** Ids of plugins that change nothing of what is read. */
  readNeutralPlugins?: readonly string[]
  onError?: (error: Error) => void
}

export function createEdgeDatabase(options: EdgeDatabaseOptions): EdgeDatabase {
  const pool = openPool(options)
  const statements = new Statements(options)
  const dialect = statements.createDialect({ pool })
  const bound = new WeakMap<object, Promise<Bound>>()

  const query = async (sql: string, parameters: unknown[] = []): Promise<Record<string, unknown>[]> => {
    try {
      return (await pool.query<Record<string, unknown>>(sql, parameters)).rows
    } catch (cause) {
      throw new LiveError('database_unavailable', `The edge's database did not answer: ${String(cause)}`, { cause })
    }
  }

  const bindOptions = async (client: LiveClient): Promise<Bound> => {
    const [here, there] = await Promise.all([whereaboutsOfEdge(query), whereaboutsOfClient(client, options.limits)])
    if (here.place !== there.place) {
      throw new LiveError('foreign_database', `getClient returned a client of ${there.place}, but the edge watches ${here.place}.`)
    }
    const base = rebuild(client, dialect, isSteady(client.$options, options) ? [statements.plugin] : [])
    return { base, user: there.user === here.user ? SAME_USER : there.user }
  }

  const settled = new WeakMap<object, Bound>()
  let plain: EdgeClient | undefined
  return {
    query,
    statements,
    async bind(client) {
      const key = client.$options
      const pending = bound.get(key) ?? bindOptions(client)
      bound.set(key, pending)
      try {
        const { base } = await pending.then((done) => (settled.set(key, done), done))
        return new BoundClient(base, client.$auth)
      } catch (error) {
        bound.delete(key)
        throw error
      }
    },
    unprotected() {
      const clientOptions = { dialect, skipValidationForComputedFields: true } as unknown as ClientOptions<SchemaDef>
      plain ??= new ZenStackClient(options.schema, clientOptions) as unknown as EdgeClient
      return plain
    },
    isSameUser: (client) => settled.get(client.$options)?.user === SAME_USER,
    markNow: coalesce(async () => {
      const [row] = await query(MARK)
      return parseLsn(String(row?.['lsn']))
    }),
    endOfLog: coalesce(async () => {
      const [row] = await query(END_OF_LOG)
      return parseLsn(String(row?.['lsn']))
    }),
    async oldestStalledCommitMs() {
      const [row] = await query(OLDEST_STALLED_COMMIT)
      return Number(row?.['ms'] ?? 0)
    },
    close: () => pool.end(),
  }
}

/**
 * Whether ZenStack alone makes the statements. What else has a part in them may make another each time (a computed field that reads a clock or
 * a setting), and a plugin that only looks on would be shown an empty query, or have its own replaced.
 */
function isSteady(clientOptions: object, options: Pick<EdgeDatabaseOptions, 'readNeutralPlugins'>): boolean {
  const { plugins = [], computedFields = {} } = clientOptions as { plugins?: readonly AnyPlugin[]; computedFields?: object }
  return clientFacts(clientOptions, options).isIncrementalAllowed && Object.keys(computedFields).length === 0 && !plugins.some(takesPart)
}

function takesPart({ id, onQuery, onKyselyQuery, functions }: AnyPlugin): boolean {
  return id !== 'policy' && (onQuery ?? onKyselyQuery ?? functions) !== undefined
}

/** The user's client on another pool. Its options are of whatever schema it has: the constructor checks them again. */
function rebuild({ $schema, $options }: LiveClient, dialect: PostgresDialect, further: readonly AnyPlugin[]): EdgeClient {
  const { plugins = [] } = $options as { plugins?: readonly AnyPlugin[] }
  const clientOptions = { ...$options, dialect, plugins: [...plugins, ...further] } as unknown as ClientOptions<SchemaDef>
  const client: ClientContract<SchemaDef> = new ZenStackClient($schema, clientOptions)
  return client as unknown as EdgeClient
}

function openPool({ url, limits, onError }: EdgeDatabaseOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: limits.maxDatabaseConnections,
    connectionTimeoutMillis: limits.databaseTimeoutMs,
    statement_timeout: limits.databaseTimeoutMs,
    query_timeout: limits.databaseTimeoutMs * 2,
    idle_in_transaction_session_timeout: limits.databaseTimeoutMs * 2,
    application_name: 'zenstack-live-edge',
  })
  // A connection that breaks is replaced by the next query. Without listeners, for idle ones and for those in use, it would end the process.
  const onBroken = (error: Error): void => onError?.(error)
  return pool.on('error', onBroken).on('connect', (client) => client.on('error', onBroken))
}

const SAME_USER = ''

async function whereaboutsOfEdge(query: EdgeDatabase['query']): Promise<Whereabouts> {
  const [row] = await query(WHEREABOUTS)
  return whereabouts(row)
}

/** Asks through the query builder, since the policy plugin lets no raw SQL pass. `getpgusername` is `current_user` as a function. */
async function whereaboutsOfClient(client: LiveClient, { databaseTimeoutMs }: Limits): Promise<Whereabouts> {
  const builder = Reflect.get(client, '$qb') as QueryBuilder
  const names = { database: 'current_database', started: 'pg_postmaster_start_time', user: 'getpgusername' }
  const ask = (): Promise<Record<string, unknown>[]> =>
    builder.selectNoFrom((eb) => Object.entries(names).map(([name, fn]) => eb.cast(eb.fn(fn, []), 'text').as(name))).execute()
  try {
    // The application's connections may wait for ever, for a server that is gone without a word.
    const rows = await within(ask(), databaseTimeoutMs)
    if (rows === undefined) throw new Error(`no answer within ${databaseTimeoutMs} ms (databaseTimeoutMs)`)
    return whereabouts(rows[0])
  } catch (cause) {
    throw new LiveError('database_unavailable', `The client of getClient cannot reach its database: ${String(cause)}`, { cause })
  }
}

function whereabouts(row: Record<string, unknown> | undefined): Whereabouts {
  return { place: `database "${String(row?.['database'])}" of the server started ${String(row?.['started'])}`, user: String(row?.['user']) }
}
