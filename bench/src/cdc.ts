import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setUpCapture, startCapture, type CaptureSink } from '@zenstack-live/cdc'
import { openRedisLog } from '@zenstack-live/change-log'
import { formatLsn, type LogBatch } from '@zenstack-live/protocol'
import { findDebezium, startDebezium, startPostgres, startRedis, type PostgresServer, type RedisServer } from '@zenstack-live/testing'
import { Redis } from 'ioredis'
import pg from 'pg'
import { progress, type CommandOptions, type CommandResult } from './command.ts'
import { measureLargeTransaction } from './cdc/large-transaction.ts'
import { logSink } from './log-sink.ts'
import { median } from './quantile.ts'

/*
 * The same WAL through pg_recvlogical to /dev/null (the most that the server gives), through our capture into Redis, and through Debezium
 * Server into Redis, one after the other, each from a slot of its own, the first two in turns; then the time from a commit to the log that has it, and the memory
 * that one very large transaction takes.
 */

const TABLES = [{ schema: 'public', name: 'User' }]
const DDL = `CREATE TABLE "User" (id bigserial PRIMARY KEY, email text NOT NULL, name text, role text, age int, score float8, bio text,
  active bool, data jsonb, "createdAt" timestamp(3) DEFAULT now())`
const LATENCY_SECONDS = 10
/** On a shared machine the two that are compared run in turns, and the median of the ratios counts. */
const DEFAULT_ROUNDS = 3
/** Of one row each; as many rows again come in updates of a thousand. */
const TRANSACTIONS = 50_000
const SETTINGS = join(import.meta.dirname, '../../debezium/application.properties')

/** `runs`: rounds in which pg_recvlogical and ours read all of the WAL. */
export async function run({ runs = DEFAULT_ROUNDS }: CommandOptions): Promise<CommandResult> {
  const postgres = await startPostgres({ settings: { fsync: 'on', full_page_writes: 'on', max_wal_size: '8GB' } })
  const redis = await startRedis()
  const client = new pg.Client(postgres.url)
  try {
    await client.connect()
    await client.query(DDL)
    const debezium = findDebezium()
    const rounds = Array.from({ length: Math.max(1, runs) }, (_, round) => ({ receiver: `recvlogical_${round}`, ours: `ours_${round}` }))
    for (const slot of ['nothing', 'debezium', ...rounds.flatMap(({ receiver, ours }) => [receiver, ours])])
      await setUpCapture({ url: postgres.url, tables: TABLES, slot })
    const latency = await measureLatency(postgres, redis, client)
    const events = await makeWal(client)
    progress(`${events} events are in the WAL`)
    const endLsn = await walEnd(client)
    const { ours, receiver, ratios } = await drainInTurns(postgres, redis, rounds, endLsn, events)
    const nothing = await drainOurs(postgres, 'nothing', endLsn, events, nowhere())
    const theirs = debezium === undefined ? undefined : await drainDebezium(postgres, redis, events)
    const large = await measureLargeTransaction(postgres, redis, client)
    const ratioToDebezium = theirs === undefined ? {} : { ratioToDebezium: ours.eventsPerSecond / theirs.eventsPerSecond }
    return {
      name: 'cdc',
      metrics: {
        eventsPerSecond: ours.eventsPerSecond,
        ...(ratios.length === 0 ? {} : { ratioToPgRecvlogical: median(ratios) }),
        cpuMicrosecondsPerEvent: (ours.cpuSeconds / events) * 1_000_000,
        ...ratioToDebezium,
        logP50Ms: latency['at 200/s']?.['p50Ms'] ?? Number.NaN,
        logP99Ms: latency['at 200/s']?.['p99Ms'] ?? Number.NaN,
        largeTransactionPeakMiB: large['peakMiB'] ?? Number.NaN,
      },
      peers: {
        ...(receiver === undefined ? {} : { 'pg_recvlogical > /dev/null': receiver }),
        'ours > nothing': nothing,
        'ours > Redis': ours,
        ...(theirs === undefined ? {} : { 'Debezium Server > Redis': theirs }),
        ...latency,
        'one transaction': large,
      },
      notes: [
        'cpuSeconds: of the capturing process; pg_recvlogical has none to speak of.',
        'Latency: from the time that Postgres wrote into the commit record to the moment the log had it; fsync on.',
        ...(receiver === undefined ? ['pg_recvlogical was not found (Debian: postgresql-client).'] : []),
        ...(debezium === undefined ? ['Debezium Server was not found: unpack io.debezium:debezium-server-dist into .cache/debezium.'] : []),
      ],
    }
  } finally {
    await client.end()
    await redis.stop()
    await postgres.stop()
  }
}

async function makeWal(client: pg.Client): Promise<number> {
  await client.query('TRUNCATE "User" RESTART IDENTITY')
  await client.query(`CREATE PROCEDURE make_users(count int) LANGUAGE plpgsql AS $$ BEGIN
    FOR i IN 1..count LOOP
      INSERT INTO "User" (email, name, role, age, score, bio, active, data)
        VALUES (i || '@example.org', 'Name ' || i, 'MEMBER', i % 90, i / 7.0, repeat('biography ', 8), i % 2 = 0, jsonb_build_object('n', i, 'tags', '["a","b"]'));
      COMMIT;
    END LOOP; END $$`)
  await client.query('SET synchronous_commit = off')
  await client.query('CALL make_users($1::int)', [TRANSACTIONS])
  const updates = TRANSACTIONS / 1000
  for (let round = 0; round < updates; round++) {
    await client.query('UPDATE "User" SET age = age + 1 WHERE id BETWEEN $1 AND $2', [round * 1000 + 1, round * 1000 + 1000])
  }
  await client.query('SET synchronous_commit = on')
  return TRANSACTIONS * 2
}

/** pg_recvlogical and ours, each from a slot of its own in every round. */
async function drainInTurns(
  postgres: PostgresServer,
  redis: RedisServer,
  rounds: readonly { receiver: string; ours: string }[],
  endLsn: bigint,
  events: number,
): Promise<{ ours: Drained; receiver: Drained | undefined; ratios: number[] }> {
  const [all, receivers, ratios]: [Drained[], Drained[], number[]] = [[], [], []]
  for (const slots of rounds) {
    const receiver = await drainReceiver(postgres, slots.receiver, endLsn, events)
    const log = await openRedisLog({ url: redis.url, name: `bench:${slots.ours}` })
    const ours = await drainOurs(postgres, slots.ours, endLsn, events, logSink(log))
    await log.close()
    all.push(ours)
    if (receiver === undefined) continue
    receivers.push(receiver)
    ratios.push(ours.eventsPerSecond / receiver.eventsPerSecond)
  }
  return { ours: medianOf(all), receiver: receivers.length === 0 ? undefined : medianOf(receivers), ratios }
}

interface Drained extends Record<string, number> {
  eventsPerSecond: number
  seconds: number
  cpuSeconds: number
}

async function drainReceiver(postgres: PostgresServer, slot: string, endLsn: bigint, events: number): Promise<Drained | undefined> {
  const program = findReceiver()
  if (program === undefined) return undefined
  const startMs = performance.now()
  const options = ['--option', 'proto_version=1', '--option', 'publication_names=zenstack_live', '--endpos', formatLsn(endLsn as never)]
  const child = spawn(program, ['-d', postgres.url, '--slot', slot, '--start', '--file', '/dev/null', '--no-loop', ...options], {
    stdio: 'ignore',
  })
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`pg_recvlogical ended with code ${code}.`))))
  })
  return drained(events, startMs, Number.NaN)
}

async function drainOurs(postgres: PostgresServer, slot: string, endLsn: bigint, events: number, sink: CaptureSink): Promise<Drained> {
  const { promise: reached, resolve } = Promise.withResolvers<void>()
  const write = async (batches: readonly LogBatch[]): Promise<void> => {
    await sink.write(batches)
    if ((batches.at(-1)?.entries.at(-1)?.lsn ?? 0n) >= endLsn) resolve()
  }
  const cpu = process.cpuUsage()
  const startMs = performance.now()
  const capture = startCapture({ url: postgres.url, slot, tables: TABLES, sink: { ...sink, write } })
  await reached
  const { user, system } = process.cpuUsage(cpu)
  const result = drained(events, startMs, (user + system) / 1_000_000)
  await capture.close()
  progress(`${slot}: ${Math.round(result.eventsPerSecond)} events/s`)
  return result
}

async function drainDebezium(postgres: PostgresServer, redis: RedisServer, events: number): Promise<Drained> {
  const program = findDebezium()
  if (program === undefined) throw new Error('Debezium Server went away.')
  const client = new Redis(redis.url)
  const stream = 'bench:debezium'
  const debezium = await startDebezium({
    program,
    settingsFile: SETTINGS,
    postgresUrl: postgres.url,
    redisUrl: redis.url,
    // Its best for throughput, not for latency; and no marks, which would be counted as events.
    settings: {
      'debezium.source.slot.name': 'debezium',
      'debezium.transforms.route.replacement': stream,
      'debezium.source.provide.transaction.metadata': 'false',
      'debezium.source.heartbeat.interval.ms': '0',
      'debezium.source.max.batch.size': '20480',
      'debezium.source.max.queue.size': '81920',
      'debezium.sink.redis.batch.size': '2000',
      'debezium.source.offset.flush.interval.ms': '1000',
    },
  })
  try {
    // The clock starts when it begins to write, so that the start of its machine does not count against it.
    const first = await until(async () => (await client.xlen(stream)) > 0 && client.xlen(stream))
    const startMs = performance.now()
    const cpuStart = processorSeconds(debezium.pid)
    await until(async () => (await client.xlen(stream)) >= events)
    const result = drained(events - first, startMs, processorSeconds(debezium.pid) - cpuStart)
    progress(`Debezium Server: ${Math.round(result.eventsPerSecond)} events/s`)
    return result
  } finally {
    await debezium.kill()
    client.disconnect()
  }
}

/** A sink that keeps nothing. */
function nowhere(): CaptureSink {
  return { state: async () => ({ epoch: 0, lsn: undefined, memory: undefined }), write: async () => {}, remember: async () => {} }
}

/** The one in the middle; of an even number the slower one of the two there. */
function medianOf(drains: readonly Drained[]): Drained {
  const sorted = drains.toSorted((a, b) => a.eventsPerSecond - b.eventsPerSecond)
  return sorted[(sorted.length - 1) >> 1] ?? drained(0, 0, Number.NaN)
}

function drained(events: number, startMs: number, cpuSeconds: number): Drained {
  const seconds = (performance.now() - startMs) / 1000
  return { eventsPerSecond: events / seconds, seconds, cpuSeconds }
}

async function measureLatency(postgres: PostgresServer, redis: RedisServer, client: pg.Client): Promise<Record<string, Record<string, number>>> {
  await setUpCapture({ url: postgres.url, tables: TABLES, slot: 'latency' })
  const log = await openRedisLog({ url: redis.url, name: 'bench:latency' })
  const sink = logSink(log)
  let latencies: number[] = []
  const write = async (batches: readonly LogBatch[]): Promise<void> => {
    await sink.write(batches)
    const nowMs = performance.timeOrigin + performance.now()
    for (const { entries } of batches) {
      const last = entries.at(-1)
      if (last?.kind === 'change') latencies.push(nowMs - Number(/"ts_us":(\d+)/.exec(last.value)?.[1]) / 1000)
    }
  }
  const capture = startCapture({ url: postgres.url, slot: 'latency', tables: TABLES, sink: { ...sink, write } })
  await capture.caughtUp()
  const results: Record<string, Record<string, number>> = {}
  for (const rate of [200, 2000]) {
    await load(postgres.url, rate, 2)
    latencies = []
    const made = await load(postgres.url, rate, LATENCY_SECONDS)
    await capture.caughtUp()
    const sorted = latencies.toSorted((a, b) => a - b)
    const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
    results[`at ${rate}/s`] = { commitsPerSecond: made, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) }
    progress(`at ${rate}/s: ${JSON.stringify(results[`at ${rate}/s`])}`)
  }
  await capture.close()
  await log.close()
  await client.query(`SELECT pg_drop_replication_slot('latency')`)
  return results
}

async function load(url: string, rate: number, seconds: number): Promise<number> {
  const args = ['--conditions=@zenstack-live/source', join(import.meta.dirname, 'cdc/commit-load.ts'), url, String(rate), String(seconds)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  await new Promise((resolve) => child.once('close', resolve))
  return Number(output)
}

async function walEnd(client: pg.Client): Promise<bigint> {
  const result = await client.query<{ lsn: string }>(`SELECT pg_logical_emit_message(true, 'zenstack_live', '') - '0/0' AS lsn`)
  return BigInt(result.rows[0]?.lsn ?? 0)
}

/** Resolves with what `ask` gives once it is not false. */
async function until<T>(ask: () => Promise<T | false>): Promise<T> {
  for (;;) {
    const answer = await ask()
    if (answer !== false) return answer
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Linux only; 0 elsewhere. */
function processorSeconds(pid: number | undefined): number {
  const file = `/proc/${pid ?? 0}/stat`
  if (!existsSync(file)) return Number.NaN
  const fields = readFileSync(file, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function findReceiver(): string | undefined {
  const versions = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql').map((version) => `/usr/lib/postgresql/${version}/bin`) : []
  const directories = [...(process.env['PATH'] ?? '').split(':'), ...versions]
  return directories.map((directory) => join(directory, 'pg_recvlogical')).find((program) => existsSync(program))
}
