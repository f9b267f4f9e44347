import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setUpCapture, startCapture, type Capture } from '@zenstack-live/cdc'
import { openEmbeddedLog, openRedisLog } from '@zenstack-live/change-log'
import type { EdgeOptions } from '@zenstack-live/edge'
import { startPostgres, startRedis } from '@zenstack-live/testing'
import pg from 'pg'
import { logSink } from '../log-sink.ts'
import { edgeInProcess, edgeOfItsOwn, type FuzzedEdge } from './edges.ts'
import { openObservedCommits, type ObservedCommits } from './observed-commits.ts'
import { createStudio, JOIN_TABLE, TABLES, type Studio } from './studio.ts'

/** Postgres, capture, log, and two edges on one log: everything on the way but the browser. */
export interface LiveWorld extends Studio {
  readonly commits: ObservedCommits
  readonly edges: readonly FuzzedEdge[]
  /** Where there is a Redis: ends it without a word, and starts it again. */
  readonly restartRedis: (() => Promise<void>) | undefined
  caughtUp(): Promise<void>
  close(): Promise<void>
}

export interface LiveWorldOptions {
  /** Edges are processes of their own, on a log in Redis, so that both can be killed. */
  hasProcesses?: boolean
  edgeOptions?: Partial<EdgeOptions>
}

export async function openLiveWorld({ hasProcesses = false, edgeOptions = {} }: LiveWorldOptions = {}): Promise<LiveWorld> {
  const postgres = await startPostgres({ settings: { deadlock_timeout: '100ms' } })
  const url = await postgres.createDatabase()
  const pool = new pg.Pool({ connectionString: url, max: 20 })
  pool.on('error', () => {})
  const studio = createStudio(pool)
  await studio.db.$pushSchema()
  await pool.query(JOIN_TABLE)
  const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-fuzz-'))
  const redis = hasProcesses ? await startRedis({ isPersistent: true }) : undefined
  const log = redis === undefined ? await openEmbeddedLog({ directory }) : await openRedisLog({ url: redis.url })
  await setUpCapture({ url, tables: TABLES })
  const capture: Capture = startCapture({ url, tables: TABLES, sink: logSink(log) })
  await capture.caughtUp()
  const open = (): Promise<FuzzedEdge> => (redis === undefined ? edgeInProcess(log, url, studio, edgeOptions) : edgeOfItsOwn(url, redis.url))
  const edges = [await open(), await open()]
  const commits = await openObservedCommits(url)
  return {
    ...studio,
    commits,
    edges,
    restartRedis:
      redis === undefined
        ? undefined
        : async () => {
            await redis.kill()
            await redis.start()
          },
    caughtUp: () => capture.caughtUp(),
    async close() {
      await Promise.all(edges.map((edge) => edge.close()))
      await capture.close()
      await log.close()
      await redis?.stop()
      await commits.close()
      await pool.end()
      await postgres.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
