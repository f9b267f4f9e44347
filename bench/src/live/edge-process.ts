import { openPool } from '@zenstack-live/testing'
import { flushCompileCache } from 'node:module'
import { openRedisLog } from '@zenstack-live/change-log'
import { createEdge } from '@zenstack-live/edge'
import { serveEdge } from './serve-edge.ts'
import { createStudio, SECRET, type StudioSchema } from './studio.ts'

/** What an edge of its own process is told. */
export interface EdgeJob {
  databaseUrl: string
  redisUrl: string
  port: number
  schema: StudioSchema
}

// A process that is killed at random, so nothing here closes anything.
const job = JSON.parse(process.argv[2] ?? '{}') as EdgeJob
// Nobody is there to end it.
process.on('disconnect', () => process.exit())
const pool = openPool({ connectionString: job.databaseUrl, max: 4 })
const log = await openRedisLog({ url: job.redisUrl })
const edge = await createEdge({ schema: job.schema, log, database: { url: job.databaseUrl }, secret: SECRET })
await serveEdge(() => edge, createStudio(job.schema, pool), job.port)
process.send?.('ready')
// Node does so when it ends, which this process never does by itself: the next starts in half the time.
flushCompileCache()
