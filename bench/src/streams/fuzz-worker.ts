import { appendFileSync, readFileSync } from 'node:fs'
import { openRedisLog } from '@zenstack-live/change-log'
import { createDataModel, type Catalog } from '@zenstack-live/model'
import { beforeAfter, createStreams, type StreamEvent, type StreamRow } from '@zenstack-live/streams'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import pg from 'pg'
import type { FuzzJob } from './fuzz-job.ts'

/*
 * One process of the fuzzer: it handles events of several ids and writes each down before the handler returns, so that what it
 * acknowledged is on disk whatever happens to it next.
 */

type Note = StreamRow<typeof schema, 'Note'>

const job = JSON.parse(process.argv[2] ?? '{}') as FuzzJob
const catalog = JSON.parse(readFileSync(job.catalogFile, 'utf8')) as Catalog
// Filters of these streams never ask the database; the client only validates them.
const client = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool: new pg.Pool({ host: '127.0.0.1', port: 1 }) }) })
const log = await openRedisLog({ url: job.redisUrl })
const data = createDataModel(schema, catalog)
const streams = createStreams<typeof schema>({ log, client, dataModel: () => data, limits: { standbyPollMs: 100 } })
const { leaseMs } = job
const settings = { concurrency: 8, maxDeliveries: 1_000_000 }

function write(id: string): (event: StreamEvent<Note, 'created' | 'updated'>) => Promise<void> {
  let handled = 0
  return async (event) => {
    const { after } = beforeAfter(event)
    // Some take a moment, so that others of their row wait.
    if (after.rank % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    if (job.isMutated && ++handled % 50 === 0) return
    appendFileSync(job.outFile, `${process.hrtime.bigint()} ${id} ${event.key} ${after.rank}\n`)
  }
}

streams.handle({ model: 'Note', id: 'shared', start: 'beginning', leaseMs, created: {}, updated: {} }, write('shared'), settings)
streams.handle({ model: 'Note', id: 'parts', start: 'beginning', leaseMs, partitions: 4, created: {}, updated: {} }, write('parts'), settings)
const isPublic = job.worker % 2 === 0
const own = isPublic ? 'public' : 'private'
streams.handle(
  { model: 'Note', id: own, start: 'beginning', leaseMs, created: { isPublic }, updated: { before: {}, after: { isPublic } } },
  write(own),
  settings,
)
