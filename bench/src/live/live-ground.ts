import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setUpCapture, startCapture, type Capture } from '@zenstack-live/cdc'
import { openEmbeddedLog, openRedisLog, type ChangeLog } from '@zenstack-live/change-log'
import { openPool, type RedisServer, startPostgres, startRedis } from '@zenstack-live/testing'
import type pg from 'pg'
import { logSink } from '../log-sink.ts'
import { openPolicies } from './studio-policies.ts'
import { createStudio, JOIN_TABLE, TABLES } from './studio.ts'

/** Postgres, capture and log, on which worlds follow each other: the tables stand, who may see what does not. */
export interface LiveGround {
  readonly url: string
  readonly pool: pg.Pool
  readonly log: ChangeLog
  /** Where edges are processes of their own, on a log in Redis, so that both can be killed. */
  readonly redis: RedisServer | undefined
  caughtUp(): Promise<void>
  close(): Promise<void>
}

export async function openLiveGround({ hasProcesses = false }: { hasProcesses?: boolean } = {}): Promise<LiveGround> {
  const postgres = await startPostgres()
  const url = await postgres.createDatabase()
  const pool = openPool({ connectionString: url, max: 20 })
  await createStudio(await openPolicies(), pool).db.$pushSchema()
  await pool.query(JOIN_TABLE)
  const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-fuzz-'))
  const redis = hasProcesses ? await startRedis({ isPersistent: true }) : undefined
  const log = redis === undefined ? await openEmbeddedLog({ directory }) : await openRedisLog({ url: redis.url })
  await setUpCapture({ url, tables: TABLES })
  const capture: Capture = startCapture({ url, tables: TABLES, sink: logSink(log) })
  await capture.caughtUp()
  return {
    url,
    pool,
    log,
    redis,
    caughtUp: () => capture.caughtUp(),
    async close() {
      await capture.close()
      await log.close()
      await redis?.stop()
      await pool.end()
      await postgres.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
