import { setUpCapture, startCapture } from '@zenstack-live/cdc'
import { openRedisLog } from '@zenstack-live/change-log'
import { openPool, startPostgres, startRedis } from '@zenstack-live/testing'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient, type ClientContract } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import type pg from 'pg'
import { startLineProcess } from '../fan-out/line-process.ts'
import { nodeCommand } from '../fan-out/peer.ts'
import type { EdgeSettings } from '../fan-out/servers/edge.ts'
import { logSink } from '../log-sink.ts'

/** Postgres, capture, Redis and one edge: all of the way on this machine, but the readers. */
export interface WholeWay {
  readonly databaseUrl: string
  /** Of the edge. */
  readonly port: number
  readonly pool: pg.Pool
  /** Resolves when the log has all that was committed. */
  caughtUp(): Promise<void>
  /** How many questions the edge has asked of the database. */
  databaseQueries(): Promise<number>
  /** What the edge says of readers that take nothing. */
  slowReaders(): Promise<SlowReaders>
  /** What the edge's heap and buffers hold after a garbage collection, in bytes. */
  memory(): Promise<number>
  stop(): Promise<void>
}

export interface SlowReaders {
  /** Those whose sockets take nothing now. */
  stalled: number
  /** How many were cut since it began. */
  cut: number
}

export type Client = ClientContract<typeof schema>

const TABLES = ['User', 'Space', 'Member', 'Task', 'Comment', 'Note'].map((name) => ({ schema: 'public', name }))

/** @param fill - what the database holds before anybody looks */
export async function startWay(fill: (db: Client) => Promise<void>): Promise<WholeWay> {
  const [postgres, redis] = await Promise.all([startPostgres(), startRedis()])
  const databaseUrl = await postgres.createDatabase()
  const pool = openPool({ connectionString: databaseUrl, max: 16 })
  const db = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) })
  await db.$pushSchema()
  await fill(db)
  const name = 'bench:way'
  const log = await openRedisLog({ url: redis.url, name })
  await setUpCapture({ url: databaseUrl, tables: TABLES })
  const capture = startCapture({ url: databaseUrl, tables: TABLES, sink: logSink(log) })
  await capture.caughtUp()
  const settings: EdgeSettings = { databaseUrl, redis: { url: redis.url, name }, workers: 1 }
  const edge = startLineProcess(nodeCommand('edge.ts'), { env: { BENCH_EDGE: JSON.stringify(settings) } })
  return {
    databaseUrl,
    port: Number(await edge.hear('port')),
    pool,
    caughtUp: () => capture.caughtUp(),
    async databaseQueries() {
      edge.say('queries')
      return Number(await edge.hear('queries'))
    },
    async slowReaders() {
      edge.say('readers')
      const [stalled = 0, cut = 0] = (await edge.hear('readers')).split(' ').map(Number)
      return { stalled, cut }
    },
    async memory() {
      edge.say('memory')
      return Number(await edge.hear('memory'))
    },
    async stop() {
      await edge.stop()
      await capture.close()
      await log.close()
      await pool.end()
      await Promise.all([postgres.stop(), redis.stop()])
    },
  }
}
