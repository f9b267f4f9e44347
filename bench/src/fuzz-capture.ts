import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setUpCapture } from '@zenstack-live/cdc'
import { openRedisLog, type ChangeLog } from '@zenstack-live/change-log'
import { startPostgres, startRedis, type PostgresServer, type RedisServer } from '@zenstack-live/testing'
import pg from 'pg'
import { foldLog, type FoldedLog, type Reading } from './capture-fuzz/fold-log.ts'
import { MUTATIONS } from './capture-fuzz/mutations.ts'
import { runCopyIn, type CopyIn } from './capture-fuzz/copy-in.ts'
import { FUZZ_DDL, FUZZ_ROWS, FUZZ_TABLES, randomTransaction, type Statement } from './capture-fuzz/statements.ts'
import { readTestDecoding } from './capture-fuzz/test-decoding.ts'
import { progress, type CommandOptions, type CommandResult } from './command.ts'
import { createRandom, type Random } from './random.ts'

/*
 * Random transactions, while the capture, Redis and Postgres are killed at random. In the end the log, applied to empty tables, must equal
 * the tables; each change must fit the state before it; and a second reading of the same WAL must agree, change by change.
 *
 * Every other stretch runs on a Redis that keeps nothing on disk: killed, it comes back empty, and is healed from the slot.
 */

const ROUNDS_PER_STRETCH = 25
const MIN_MUTATION_ROUNDS = 8
const MUTATION_TRIES = 4
/** A log that forgets has to be filled from the slot, so nothing may be confirmed. */
const NEVER_MS = 100_000_000
/** The code of whatever comes behind an error in a transaction. */
const ALREADY_FAILED = '25P02'
const CHILD = join(import.meta.dirname, 'capture-fuzz/capture-child.ts')

/** `runs`: rounds, each a few transactions and perhaps a kill. With `mutate`, each broken capture gets its share of them. */
export async function run({ seed = 1, runs = 200, mutate = false }: CommandOptions): Promise<CommandResult & { failed: boolean }> {
  const random = createRandom(seed)
  const kills = { capture: 0, redis: 0, postgres: 0 }
  const copies = { kept: 0, intoPartitions: 0, takenBack: 0 }
  const postgres = await startPostgres({ settings: { wal_writer_delay: '10ms' } })
  try {
    return mutate ? await fuzzMutations({ random, postgres, kills, copies }, runs) : await fuzzCapture({ random, postgres, kills, copies }, runs)
  } finally {
    await postgres.stop()
  }
}

async function fuzzCapture(world: FuzzWorld, runs: number): Promise<CommandResult & { failed: boolean }> {
  const mismatches: string[] = []
  let cases = 0
  for (let round = 0; round < runs; round += ROUNDS_PER_STRETCH) {
    const isPersistent = (round / ROUNDS_PER_STRETCH) % 2 === 0
    const stretch = await onRedis(isPersistent, (redis) =>
      runStretch({ ...world, redis, rounds: Math.min(ROUNDS_PER_STRETCH, runs - round), confirmDelayMs: isPersistent ? 0 : NEVER_MS }),
    )
    cases += stretch.transactions
    mismatches.push(...stretch.mismatches)
    progress(`${Math.min(round + ROUNDS_PER_STRETCH, runs)} rounds, ${cases} transactions, ${mismatches.length} mismatches`)
  }
  for (const mismatch of mismatches.slice(0, 20)) progress(mismatch.slice(0, 400))
  const { kills, copies } = world
  return {
    name: 'fuzz-capture',
    metrics: {
      cases,
      mismatches: mismatches.length,
      captureKills: kills.capture,
      redisKills: kills.redis,
      postgresKills: kills.postgres,
      copies: copies.kept,
      copiesIntoPartitions: copies.intoPartitions,
      copiesTakenBack: copies.takenBack,
    },
    failed: mismatches.length > 0,
  }
}

/** A broken capture that nobody notices is a broken fuzzer. */
async function fuzzMutations(world: FuzzWorld, runs: number): Promise<CommandResult & { failed: boolean }> {
  const mutations = Object.entries(MUTATIONS)
  const rounds = Math.max(MIN_MUTATION_ROUNDS, Math.floor(runs / mutations.length / MUTATION_TRIES))
  const unnoticed: string[] = []
  for (const [mutation, { breaks }] of mutations) {
    let noticed: string | undefined
    // What breaks may not be asked for in one stretch: a change of tables, a kill at the right time.
    for (let tries = 0; tries < MUTATION_TRIES && noticed === undefined; tries++) noticed = await noticeMutation(world, mutation, rounds)
    if (noticed === undefined) unnoticed.push(mutation)
    progress(`${mutation} (${breaks}): ${noticed?.slice(0, 120) ?? 'NOT NOTICED'}`)
  }
  return {
    name: 'fuzz-capture',
    metrics: { mutations: mutations.length, noticed: mutations.length - unnoticed.length },
    notes: unnoticed.map((mutation) => `Not noticed: ${mutation}.`),
    failed: unnoticed.length > 0,
  }
}

async function noticeMutation(world: FuzzWorld, mutation: string, rounds: number): Promise<string | undefined> {
  const confirmsAtOnce = MUTATIONS[mutation]?.confirmsAtOnce === true
  try {
    const confirmDelayMs = confirmsAtOnce ? 0 : NEVER_MS
    // A log that forgets would also forget what is wrong in it.
    const stretch = await onRedis(!confirmsAtOnce, (redis) => runStretch({ ...world, redis, rounds, confirmDelayMs, mutation }))
    return stretch.mismatches[0]
  } catch (error) {
    // A log that never comes to its end is noticed as well.
    return String(error)
  }
}

async function onRedis<T>(isPersistent: boolean, work: (redis: RedisServer) => Promise<T>): Promise<T> {
  const redis = await startRedis({ isPersistent })
  try {
    return await work(redis)
  } finally {
    await redis.stop()
  }
}

interface FuzzWorld {
  random: Random
  postgres: PostgresServer
  kills: Record<'capture' | 'redis' | 'postgres', number>
  copies: Copies
}

/** What COPY did: went well, went well into a partitioned table, failed in the middle. */
interface Copies {
  kept: number
  intoPartitions: number
  takenBack: number
}

interface StretchOptions extends FuzzWorld {
  redis: RedisServer
  rounds: number
  confirmDelayMs: number
  /** Name of what is broken on purpose. */
  mutation?: string
}

async function runStretch(options: StretchOptions): Promise<{ transactions: number; mismatches: string[] }> {
  const { random, postgres, redis, kills, copies } = options
  const url = await postgres.createDatabase()
  const slot = `fuzz_${new URL(url).pathname.slice(1)}`
  const database = createReconnecting(url, copies)
  await database.run(FUZZ_DDL)
  await setUpCapture({ url, slot, tables: FUZZ_TABLES })
  await database.run(`SELECT pg_create_logical_replication_slot('${slot}_td', 'test_decoding')`)
  const start = (): CaptureChild => startChild([url, redis.url, 'fuzz', slot, String(options.confirmDelayMs), options.mutation ?? ''])
  let child = start()
  try {
    await child.isLeading
    for (let round = 0; round < options.rounds; round++) {
      for (let count = 1 + random.whole(12); count > 0; count--) await database.transaction(randomTransaction(random))
      const victim = random.pick(['nobody', 'nobody', 'capture', 'capture', 'redis', 'postgres'] as const)
      if (victim === 'nobody') continue
      kills[victim]++
      if (victim === 'capture') {
        // Most die while they read and write, some before they began.
        if (random.chance(0.7)) {
          await child.isLeading
          await database.transaction(randomTransaction(random))
        }
        await child.kill()
        child = start()
      } else if (victim === 'redis') {
        await redis.kill()
        if (random.chance(0.5)) await database.transaction(randomTransaction(random))
        await redis.start()
      } else {
        await postgres.kill()
        await postgres.start()
      }
    }
    return await compare(database, redis, `${slot}_td`)
  } finally {
    await child.kill()
    await database.run(`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE '${slot}%' AND NOT active`)
    await database.close()
  }
}

/** What the log, the tables and the second reading disagree about, once they had time to agree. */
async function compare(database: Reconnecting, redis: RedisServer, slot: string): Promise<{ transactions: number; mismatches: string[] }> {
  const log = await openRedisLog({ url: redis.url, name: 'fuzz' })
  try {
    await waitForLog(database, log)
    const client = await database.client()
    const readings = await readTestDecoding(client, slot)
    const deadline = Date.now() + 10_000
    for (;;) {
      const folded = await foldLog(
        log,
        FUZZ_TABLES.map(({ name }) => name),
      )
      const mismatches = [...folded.misfits, ...(await tableMismatches(client, folded)), ...readingMismatches(folded.readings, readings)]
      // A change of a table that nothing follows is told by the next look at the catalog.
      if (mismatches.length === 0 || Date.now() > deadline) return { transactions: folded.transactions, mismatches }
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
  } finally {
    await log.close()
  }
}

async function waitForLog(database: Reconnecting, log: ChangeLog): Promise<void> {
  const [row] = await database.run(`SELECT pg_logical_emit_message(true, 'zenstack_live', '') - '0/0' AS lsn`)
  const lsn = BigInt(String(row?.['lsn']))
  const deadline = Date.now() + 60_000
  while (((await log.state()).newestLsn ?? 0n) < lsn) {
    if (Date.now() > deadline) throw new Error('The log does not catch up.')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function tableMismatches(client: pg.Client, folded: FoldedLog): Promise<string[]> {
  const mismatches: string[] = []
  for (const [name, { rows, isPartial }] of folded.tables) {
    const result = await client.query<{ row: unknown }>(FUZZ_ROWS[name] ?? '')
    const real = new Set(result.rows.map(({ row }) => JSON.stringify(row)))
    const known = new Set([...rows.values()].flat())
    for (const row of known) if (!real.has(row)) mismatches.push(`${name}: the table has no ${row}`)
    if (!isPartial) for (const row of real) if (!known.has(row)) mismatches.push(`${name}: the log has no ${row}`)
  }
  return mismatches
}

function readingMismatches(ours: readonly Reading[], theirs: readonly Reading[]): string[] {
  const [a, b] = [ours, theirs].map((readings) => readings.map((reading) => reading.join(' ')))
  if (a === undefined || b === undefined) return []
  const length = Math.max(a.length, b.length)
  for (let index = 0; index < length; index++) {
    if (a[index] !== b[index]) return [`change ${index} of ${length}: the log has ${a[index]}, test_decoding has ${b[index]}`]
  }
  return []
}

interface Reconnecting {
  client(): Promise<pg.Client>
  run(sql: string): Promise<Record<string, unknown>[]>
  /** Statements one by one; one that fails ends the transaction. */
  transaction(statements: readonly Statement[]): Promise<void>
  close(): Promise<void>
}

/** A connection that survives kills of the server. */
function createReconnecting(url: string, copies: Copies): Reconnecting {
  let open: pg.Client | undefined
  const client = async (): Promise<pg.Client> => {
    if (open !== undefined) return open
    const opened = new pg.Client(url)
    opened.on('error', () => (open = undefined))
    opened.on('end', () => (open = undefined))
    await opened.connect()
    return (open = opened)
  }
  // One that fails leaves a transaction that only goes on behind a savepoint.
  const copy = async (current: pg.Client, statement: CopyIn): Promise<void> => {
    try {
      await runCopyIn(current, statement)
      copies.kept++
      if (statement.copy.includes('delta')) copies.intoPartitions++
    } catch (error) {
      if (!(error instanceof pg.DatabaseError)) throw error
      if (error.code !== ALREADY_FAILED) copies.takenBack++
    }
  }
  return {
    client,
    run: async (sql) => (await (await client()).query<Record<string, unknown>>(sql)).rows,
    async transaction(statements) {
      try {
        const current = await client()
        for (const statement of statements) await (typeof statement === 'string' ? current.query(statement) : copy(current, statement))
      } catch {
        await open?.query('ROLLBACK').catch(() => undefined)
      }
    },
    close: async () => open?.end(),
  }
}

interface CaptureChild {
  /** Resolves once it reads and writes, and when it never will. */
  isLeading: Promise<unknown>
  kill(): Promise<void>
}

function startChild(args: string[]): CaptureChild {
  const child = fork(CHILD, args, { execArgv: ['--conditions=@zenstack-live/source'], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  const ended = once(child, 'exit')
  const leading = new Promise<void>((resolve) => child.on('message', (state) => state === 'leading' && resolve()))
  return {
    isLeading: Promise.race([leading, ended]),
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
