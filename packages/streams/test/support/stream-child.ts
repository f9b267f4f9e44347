import { once } from 'node:events'
import { openRedisLog } from '@zenstack-live/change-log'
import { createDataModel, type Catalog } from '@zenstack-live/model'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import pg from 'pg'
import { createStreams } from '../../src/index.ts'
import type { StreamJob, StreamWord } from './stream-job.ts'

/* One stream in a process of its own, to be paused, or to end itself. */

const job = JSON.parse(process.argv[2] ?? '{}') as StreamJob
const data = createDataModel(schema, JSON.parse(job.catalog) as Catalog)
// Filters of this stream never ask the database; the client only validates them.
const client = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool: new pg.Pool({ host: '127.0.0.1', port: 1 }) }) })
const log = await openRedisLog({ url: job.redisUrl, name: job.logName })
const streams = createStreams<typeof schema>({ log, client, dataModel: () => data, limits: { standbyPollMs: 50, drainMs: 50 } })
let isTold = false
const told = once(process, 'message').then(() => (isTold = true))
const tell = (word: StreamWord): Promise<void> => new Promise((resolve) => process.send?.(word, () => resolve()))

streams.handle(
  { model: 'Note', id: job.id, start: 'beginning', leaseMs: job.leaseMs, created: {} },
  async ({ created: { rank } }, { signal }) => {
    const isLost = (): void => void tell(`lost ${rank}`)
    signal.addEventListener('abort', isLost, { once: true })
    await tell(`handling ${rank}`)
    const deed = job.deeds[rank]
    if (deed === 'kill') process.kill(process.pid, 'SIGKILL')
    if (deed === 'exit') process.exit(1)
    if (deed === 'fail' && !isTold) throw new Error('Not here.')
    if (deed === 'wait') await told
    await tell(`handled ${rank}`)
  },
  { concurrency: 4, maxDeliveries: job.maxDeliveries, backoff: () => 20 },
)
process.on('disconnect', () => process.exit())
