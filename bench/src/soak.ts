import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openPool, startPostgres, startRedis } from '@zenstack-live/testing'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { Redis } from 'ioredis'
import type pg from 'pg'
import { progress, type CommandOptions, type CommandResult } from './command.ts'
import { startLineProcess, type LineProcess } from './fan-out/line-process.ts'
import { createRandom } from './random.ts'
import type { ApplicationSettings, Holdings } from './soak/application-child.ts'
import { churn, type ChurningReaders } from './soak/churning-readers.ts'
import { fill, write, type ChurningWriters } from './soak/churning-writers.ts'
import { linePlot } from './soak/line-plot.ts'

/*
 * People come, are cut off, go on and leave, lose memberships and get them again, and the tables change under them, for half an hour:
 * what does the process hold at the end that it did not hold after a while?
 *
 * Looked at twice when nobody is there (after a while, and at the end), and at fixed intervals while everybody is.
 */

const DEFAULT_SECONDS = 1_800
const SAMPLE_EVERY_MS = 15_000
const WARM_UP_SHARE = 1 / 15
const READERS = 40
const WRITES_PER_SECOND = 8
const SCHEMA_CHANGE_EVERY_MS = 60_000
/** Idle connections to the database are closed after ten seconds. */
const QUIET_MS = 20_000
const PATIENCE_MS = 60_000
const USERS = Array.from({ length: 80 }, (_, index) => `person-${index}`)
const SPACES = Array.from({ length: 10 }, (_, index) => `space-${index}`)
const KEPT = fileURLToPath(new URL('../soak', import.meta.url))
/** Of a run as long as this one the plot and the numbers are kept. */
const KEPT_FROM_SECONDS = 1_800

interface Sample extends Holdings {
  minute: number
  databaseConnections: number
  redisConnections: number
}

interface Stage {
  application: LineProcess
  port: number
  pool: pg.Pool
  redis: Redis
}

/** `seconds`: how long it goes on; `seed` chooses who does what. */
export async function run({ seconds = DEFAULT_SECONDS, seed = 7 }: CommandOptions): Promise<CommandResult> {
  const [postgres, redisServer] = await Promise.all([startPostgres(), startRedis()])
  const databaseUrl = await postgres.createDatabase()
  const pool = openPool({ connectionString: databaseUrl, max: 4, application_name: 'soak writer' })
  await new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) }).$pushSchema()
  await fill(pool, { users: USERS, spaces: SPACES })
  const application = startApplication({ databaseUrl, redisUrl: redisServer.url })
  const redis = new Redis(redisServer.url)
  try {
    const stage: Stage = { application, port: Number(await application.hear('port')), pool, redis }
    return await soak(stage, seconds, seed)
  } finally {
    redis.disconnect()
    await application.stop()
    await pool.end()
    await Promise.all([postgres.stop(), redisServer.stop()])
  }
}

async function soak(stage: Stage, seconds: number, seed: number): Promise<CommandResult> {
  const random = createRandom(seed)
  const startedMs = performance.now()
  const take = async (): Promise<Sample> => {
    const sample = { minute: (performance.now() - startedMs) / 60_000, ...(await sampleOf(stage)) }
    progress(describe(sample))
    return sample
  }
  const writers = write(stage.pool, {
    perSecond: WRITES_PER_SECOND,
    schemaChangeEveryMs: SCHEMA_CHANGE_EVERY_MS,
    users: USERS,
    spaces: SPACES,
    random,
  })
  const warmingUp = churn(stage.port, { readers: READERS, users: USERS, random })
  await sleep(seconds * 1_000 * WARM_UP_SHARE)
  await letAllLeave(stage, warmingUp, writers)
  const before = await take()

  const readers = churn(stage.port, { readers: READERS, users: USERS, random })
  const samples: Sample[] = []
  while ((performance.now() - startedMs) / 1_000 < seconds) {
    await sleep(SAMPLE_EVERY_MS)
    samples.push(await take())
  }
  await letAllLeave(stage, readers, writers)
  const after = await take()
  await writers.stop()
  if (seconds >= KEPT_FROM_SECONDS) keep([before, ...samples, after])
  return {
    name: 'soak',
    metrics: metricsOf(before, samples, after),
    peers: { readers: { ...readers.tally }, writers: { ...writers.tally } },
    notes: [
      `${READERS} readers at a time for ${seconds} s, ${WRITES_PER_SECOND} writes a second, the tables changed every ${SCHEMA_CHANGE_EVERY_MS / 1_000} s.`,
      '…SlopeKiBPerMinute: of the second half. …AtEnd: what is there when all have left, less what was there when all had left after the warm-up.',
    ],
  }
}

function metricsOf(before: Sample, samples: readonly Sample[], after: Sample): Record<string, number> {
  // At first V8 takes what it will use, and compiles.
  const settled = samples.slice(samples.length / 2)
  return {
    heapSlopeKiBPerMinute: slope(settled.map(({ minute, heapBytes }) => [minute, heapBytes / 1_024])),
    rssSlopeKiBPerMinute: slope(settled.map(({ minute, rssBytes }) => [minute, rssBytes / 1_024])),
    heapKiBAtEnd: (after.heapBytes - before.heapBytes) / 1_024,
    externalKiBAtEnd: (after.externalBytes - before.externalBytes) / 1_024,
    timersAtEnd: after.timers - before.timers,
    socketsAtEnd: after.sockets - before.sockets,
    activeResourcesAtEnd: resourcesOf(after) - resourcesOf(before),
    connectionsAtEnd: after.databaseConnections - before.databaseConnections,
    redisConnectionsAtEnd: after.redisConnections - before.redisConnections,
    streamsAtEnd: after.streams,
    queriesAtEnd: after.queries,
    streamsOpened: after.opened,
    requeries: after.requeries,
    revocations: after.revocations,
    schemaRenewals: after.schemaRenewals,
  }
}

/** A change of the tables last, so that what is remembered of changes is as old both times. */
async function letAllLeave({ application }: Stage, readers: ChurningReaders, writers: ChurningWriters): Promise<void> {
  await readers.stop()
  await writers.changeSchema()
  const startedMs = performance.now()
  while ((await streamsOf(application)) > 0) {
    if (performance.now() - startedMs > PATIENCE_MS) throw new Error('Streams are left although every reader has gone.')
    await sleep(100)
  }
  await sleep(QUIET_MS)
}

async function sampleOf({ application, pool, redis }: Stage): Promise<Omit<Sample, 'minute'>> {
  const holdings = await holdingsOf(application)
  const { rows } = await pool.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND application_name <> 'soak writer'`,
  )
  const clients = String(await redis.client('LIST')).trim()
  return { ...holdings, databaseConnections: rows[0]?.count ?? 0, redisConnections: clients.split('\n').length - 1 }
}

async function holdingsOf(application: LineProcess): Promise<Holdings> {
  application.say('memory')
  // Written by our own program.
  return JSON.parse(await application.hear('memory')) as Holdings
}

async function streamsOf(application: LineProcess): Promise<number> {
  application.say('readers')
  return Number(await application.hear('readers'))
}

function startApplication(settings: ApplicationSettings): LineProcess {
  const program = fileURLToPath(new URL('soak/application-child.ts', import.meta.url))
  const flags = (process.env['BENCH_NODE_FLAGS'] ?? '').split(' ').filter(Boolean)
  return startLineProcess([process.execPath, '--conditions=@zenstack-live/source', ...flags, program], {
    env: { BENCH_SOAK: JSON.stringify(settings) },
  })
}

/** The plot for people, and the numbers under it. */
function keep(samples: readonly Sample[]): void {
  const of = (value: (sample: Sample) => number): number[] => samples.map(value)
  const plot = linePlot(
    of(({ minute }) => minute),
    [
      {
        title: 'Memory after a garbage collection, MiB',
        lines: [
          { name: 'resident', values: of(({ rssBytes }) => rssBytes / 1_048_576) },
          { name: 'live heap', values: of(({ heapBytes }) => heapBytes / 1_048_576) },
          { name: 'buffers', values: of(({ externalBytes }) => externalBytes / 1_048_576) },
        ],
      },
      {
        title: 'Open',
        lines: [
          { name: 'streams', values: of(({ streams }) => streams) },
          { name: 'queries', values: of(({ queries }) => queries) },
          { name: 'sockets', values: of(({ sockets }) => sockets) },
        ],
      },
      {
        title: 'Timers, what keeps the process alive, connections to Postgres and Redis',
        lines: [
          { name: 'timers', values: of(({ timers }) => timers) },
          { name: 'active resources', values: of(resourcesOf) },
          { name: 'Postgres', values: of(({ databaseConnections }) => databaseConnections) },
          { name: 'Redis', values: of(({ redisConnections }) => redisConnections) },
        ],
      },
    ],
  )
  writeFileSync(`${KEPT}.svg`, plot)
  const columns = [
    'minute',
    'rssBytes',
    'heapBytes',
    'externalBytes',
    'streams',
    'queries',
    'sockets',
    'timers',
    'databaseConnections',
    'redisConnections',
    'opened',
    'requeries',
    'revocations',
    'schemaRenewals',
  ] as const
  const lines = samples.map((sample) => columns.map((column) => (column === 'minute' ? sample.minute.toFixed(2) : sample[column])).join())
  writeFileSync(`${KEPT}.csv`, `${[columns.join(), ...lines].join('\n')}\n`)
}

function resourcesOf({ resources }: Holdings): number {
  return Object.values(resources).reduce((sum, count) => sum + count, 0)
}

/** Of the line that lies least far from the points. */
function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const [middleX, middleY] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))]
  const covariance = mean(points.map(([x, y]) => (x - middleX) * (y - middleY)))
  return covariance / mean(points.map(([x]) => (x - middleX) ** 2))
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function mib(bytes: number): string {
  return (bytes / 1_048_576).toFixed(1)
}

function describe(sample: Sample): string {
  const { minute, heapBytes, rssBytes, timers, sockets, streams, queries, databaseConnections, redisConnections, schemaRenewals } = sample
  return `${minute.toFixed(1)} min: heap ${mib(heapBytes)} MiB, RSS ${mib(rssBytes)}, ${streams} streams, ${queries} queries, ${timers} timers, ${sockets} sockets, ${databaseConnections} database and ${redisConnections} Redis connections, ${schemaRenewals} renewals, ${JSON.stringify(sample.resources)}`
}
