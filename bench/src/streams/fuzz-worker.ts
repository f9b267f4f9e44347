import { appendFileSync, readFileSync } from 'node:fs'
import { openRedisLog } from '@zenstack-live/change-log'
import { createDataModel, type Catalog } from '@zenstack-live/model'
import { beforeAfter, createStreams, type DeliveryContext, type StreamEvent, type StreamGap, type StreamRow } from '@zenstack-live/streams'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import pg from 'pg'
import { POISON_DELIVERIES, POISON_EVERY, type FuzzJob, type FuzzLine } from './fuzz-job.ts'

/*
 * One process of the fuzzer: it handles events of several ids and writes each down before the handler returns, so that what it
 * acknowledged is on disk whatever happens to it next.
 */

type Note = StreamRow<typeof schema, 'Note'>
type NoteEvent = StreamEvent<Note, 'created' | 'updated'>

const job = JSON.parse(process.argv[2] ?? '{}') as FuzzJob
// Nobody is there to end it.
process.on('disconnect', () => process.exit())
const catalog = JSON.parse(readFileSync(job.catalogFile, 'utf8')) as Catalog
// Filters of these streams never ask the database; the client only validates them.
const client = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool: new pg.Pool({ host: '127.0.0.1', port: 1 }) }) })
const log = await openRedisLog({ url: job.redisUrl })
const data = createDataModel(schema, catalog)
const streams = createStreams<typeof schema>({ log, client, dataModel: () => data, limits: { standbyPollMs: 100, minBackoffMs: 5 } })
const { leaseMs } = job
const settings = { concurrency: 8, maxDeliveries: 1_000_000 }

function say(...[id, what, first, second]: FuzzLine extends readonly [string, ...infer Facts] ? Facts : never): void {
  appendFileSync(job.outFile, `${[process.hrtime.bigint(), id, what, first, second].join(' ')}\n`)
}

function write(id: string): (event: NoteEvent, context?: DeliveryContext) => Promise<void> {
  let handled = 0
  const running = new Set<string>()
  return async (event, context) => {
    const { rank } = beforeAfter(event).after
    if (running.has(event.key)) say(id, 'overlap', event.key, String(rank))
    running.add(event.key)
    try {
      // Some take a moment, so that others of their row wait.
      if (rank % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
      if (id === 'poison' && rank % POISON_EVERY === 0 && (context?.delivery ?? 1) <= POISON_DELIVERIES) throw new Error('poison')
      if (job.isMutated && ++handled % 50 === 0) return
      say(id, 'handled', event.key, String(rank))
    } finally {
      running.delete(event.key)
    }
  }
}

function onGap({ id, after, resumesAfter }: StreamGap): void {
  say(id, 'gap', after, resumesAfter)
}

const all = { model: 'Note', leaseMs, created: {}, updated: {}, onGap } as const
const beginning = { ...all, start: 'beginning' } as const

streams.handle({ ...beginning, id: 'shared' }, write('shared'), settings)
streams.handle({ ...beginning, id: 'parts', partitions: 4 }, write('parts'), settings)
streams.handle({ ...beginning, id: 'split', partitions: job.splitInto }, write('split'), settings)
streams.handle({ ...beginning, id: 'dropped' }, write('dropped'), settings)
streams.handle({ ...beginning, id: 'poison' }, write('poison'), { ...settings, maxDeliveries: POISON_DELIVERIES, backoff: () => 5 })
streams.handle({ ...all, id: 'now', partitions: 3 }, write('now'), settings)
const isPublic = job.worker % 2 === 0
const own = isPublic ? 'public' : 'private'
streams.handle({ ...beginning, id: own, created: { isPublic }, updated: { before: {}, after: { isPublic } } }, write(own), settings)

const writeLooped = write('loop')
for await (const events of streams.stream({ ...beginning, id: 'loop' }).batches(16)) for (const event of events) await writeLooped(event)
