import { createEventClient, createEventsTable, createProjectionsTable, type EventClient } from '@zenstack-live/event-sourcing'
import { openPool, type PostgresServer, startPostgres } from '@zenstack-live/testing'
import { drizzle } from 'drizzle-orm/node-postgres'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { progress, type CommandOptions } from './command.ts'
import { createRandom, type Random } from './random.ts'

/*
 * Writers commit late, roll back, use savepoints, prepare transactions and are killed, beside unrelated transactions that stay
 * open here and in another database. Readers follow the events meanwhile. Afterwards what each was given is compared with what
 * the table holds: nothing missed, nothing twice, strictly rising. A naive reader runs beside them and has to miss some.
 */

const WRITERS = 12
const SETTLE_MS = 20_000
const TABLE = 'fence_events'
const TYPES = ['Raw', 'Appended', 'Prepared', 'Savepoint', 'Killed']

const events = createEventsTable({ name: TABLE, identifiers: ['cartId'] })
const projections = createProjectionsTable({ name: 'fence_views' })

type Scenario = 'plain' | 'partitioned' | 'crash'

interface Result {
  name: string
  cases: number
  violations: number
  controlViolations: number
  failed: boolean
  [name: string]: unknown
}

/** `runs`: transactions in each scenario. */
export async function run({ seed = Date.now() % 2 ** 31, runs = 1500, mutate = false }: CommandOptions): Promise<Result> {
  if (mutate) throw new Error('Every run of this fuzzer has a broken reader beside it, as a control. It takes no --mutate.')
  progress(`seed ${seed}`)
  const result: Result = { name: 'fence', seed, cases: 0, violations: 0, controlViolations: 0, failed: false }
  for (const scenario of ['plain', 'partitioned', 'crash'] as const) {
    const outcome = await runScenario(scenario, runs, createRandom(seed))
    progress(`${scenario}: ${JSON.stringify(outcome)}`)
    result.cases += outcome.committed
    result.violations += outcome.missed + outcome.repeated + outcome.inverted
    result.controlViolations += outcome.naiveMissed
    result[scenario] = outcome
  }
  return { ...result, failed: result.violations > 0 || result.controlViolations === 0 }
}

interface Outcome {
  committed: number
  missed: number
  repeated: number
  inverted: number
  naiveMissed: number
  killed: number
  prepared: number
}

async function runScenario(scenario: Scenario, transactions: number, random: Random): Promise<Outcome> {
  const server = await startPostgres({ settings: { max_connections: '120' } })
  const url = await server.createDatabase()
  const writers = openPool({ connectionString: url, max: WRITERS + 8 })
  const readers = openPool({ connectionString: url, max: 8 })
  const client: EventClient = createEventClient(drizzle(readers), events, projections, { limits: { maxPollIntervalMs: 50 } })
  if (scenario === 'partitioned') await createPartitions(writers)
  await client.install()
  const stop = new AbortController()
  const followers = [follow(client, {}, stop.signal), follow(client, { types: TYPES }, stop.signal)]
  const naive = followNaively(readers, stop.signal)
  const unrelated = await openUnrelatedTransactions(server, url)
  const counts = { killed: 0, prepared: 0 }
  try {
    const stopKilling = scenario === 'crash' ? async (): Promise<void> => {} : killWriters(url, random, counts)
    const disturbing = scenario === 'crash' ? crashTwice(server, random) : Promise.resolve()
    await writeAll(writers, client, transactions, random, counts, disturbing)
    await stopKilling()
    const expected = await settled(writers, followers)
    const outcomes = followers.map(({ positions }) => judge(expected, positions))
    const sum = (name: 'missed' | 'repeated' | 'inverted'): number => outcomes.reduce((total, outcome) => total + outcome[name], 0)
    return {
      committed: expected.length,
      missed: sum('missed'),
      repeated: sum('repeated'),
      inverted: sum('inverted'),
      naiveMissed: expected.filter((position) => !naive.positions.has(position)).length,
      ...counts,
    }
  } finally {
    stop.abort()
    await unrelated.close()
    await Promise.allSettled([...followers.map(({ done }) => done), naive.done])
    await Promise.allSettled([writers.end(), readers.end()])
    await server.stop()
  }
}

/** Hash partitions of the position. */
async function createPartitions(pool: pg.Pool): Promise<void> {
  await pool.query(`CREATE TABLE ${TABLE} (id text NOT NULL, position bigint GENERATED ALWAYS AS IDENTITY, type text NOT NULL, data jsonb NOT NULL, metadata jsonb,
    schema_version integer NOT NULL DEFAULT 1, idempotency_key text, created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(), PRIMARY KEY (position, id)) PARTITION BY HASH (position)`)
  for (let part = 0; part < 3; part++)
    await pool.query(`CREATE TABLE ${TABLE}_${part} PARTITION OF ${TABLE} FOR VALUES WITH (MODULUS 3, REMAINDER ${part})`)
}

interface Follower {
  readonly positions: number[]
  readonly done: Promise<void>
}

function follow(client: EventClient, query: { types?: string[] }, signal: AbortSignal): Follower {
  const positions: number[] = []
  const read = async (): Promise<void> => {
    for await (const { position } of client.subscribe({ query, signal })) positions.push(position)
  }
  const done = read()
  done.catch((error: unknown) => progress(`A follower ended: ${String(error)}`))
  return { positions, done }
}

/** What everybody writes first: the rows behind the last position. */
function followNaively(pool: pg.Pool, signal: AbortSignal): { positions: Set<number>; done: Promise<void> } {
  const positions = new Set<number>()
  const read = async (): Promise<void> => {
    let last = 0
    while (!signal.aborted) {
      const { rows } = await pool
        .query<{ position: number }>(`SELECT position::float8 AS position FROM ${TABLE} WHERE position > $1 ORDER BY position LIMIT 500`, [last])
        .catch(() => ({ rows: [] }))
      for (const { position } of rows) positions.add(position)
      last = rows.at(-1)?.position ?? last
      await pause(2)
    }
  }
  return { positions, done: read() }
}

/** Transactions with an xid and a snapshot that have nothing to do with the events. */
async function openUnrelatedTransactions(server: PostgresServer, url: string): Promise<{ close(): Promise<void> }> {
  const clients: pg.Client[] = []
  for (const target of [url, server.url]) {
    const client = new pg.Client(target)
    client.on('error', () => {})
    await client.connect()
    await client.query('CREATE TABLE IF NOT EXISTS unrelated (id int)')
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await client.query('INSERT INTO unrelated VALUES (1)')
    clients.push(client)
  }
  return { close: async () => void (await Promise.allSettled(clients.map((client) => client.end()))) }
}

/** At least so many transactions, and until the disturbance is over. */
async function writeAll(
  pool: pg.Pool,
  client: EventClient,
  transactions: number,
  random: Random,
  counts: { prepared: number },
  disturbing: Promise<void>,
): Promise<void> {
  let left = transactions
  const quiet = new AbortController()
  const untilQuiet = async (): Promise<void> => {
    await disturbing
    quiet.abort()
  }
  const work = async (): Promise<void> => {
    while (left-- > 0 || !quiet.signal.aborted) {
      // A crash of the server fails whatever runs; what counts is what the table holds in the end.
      await writeOne(pool, client, random, counts).catch(() => pause(20))
    }
  }
  await Promise.all([untilQuiet(), ...Array.from({ length: WRITERS }, work)])
  await finishPrepared(pool)
}

async function writeOne(pool: pg.Pool, client: EventClient, random: Random, counts: { prepared: number }): Promise<void> {
  if (random.chance(0.4)) return void (await client.saveEvent({ type: 'Appended', data: { cartId: `c${random.whole(50)}` } }))
  const kind = random.pick(['commit', 'commit', 'rollback', 'savepoint', 'prepare', 'terminate'] as const)
  const connection = await pool.connect()
  const insert = (type: string): Promise<unknown> =>
    connection.query(`INSERT INTO ${TABLE} (id, type, data) VALUES ($1, $2, '{}')`, [crypto.randomUUID(), type])
  let isBroken = false
  try {
    await connection.query('BEGIN')
    await insert(kind === 'prepare' ? 'Prepared' : 'Raw')
    await pause(random.whole(random.chance(0.05) ? 250 : 15))
    if (kind === 'commit') await connection.query('COMMIT')
    else if (kind === 'rollback') await connection.query('ROLLBACK')
    else if (kind === 'savepoint') {
      await connection.query('SAVEPOINT inner_part')
      await insert('Savepoint')
      await connection.query(random.chance(0.5) ? 'ROLLBACK TO SAVEPOINT inner_part' : 'RELEASE SAVEPOINT inner_part')
      await pause(random.whole(10))
      await insert('Savepoint')
      await connection.query('COMMIT')
    } else if (kind === 'prepare') await prepareAndFinish(pool, connection, random, counts)
    else {
      isBroken = true
      await connection.query('SELECT pg_terminate_backend(pg_backend_pid())')
    }
  } catch (error) {
    isBroken = true
    throw error
  } finally {
    connection.release(isBroken)
  }
}

/** Two phases: between them the transaction lives without a connection, and under another name. */
async function prepareAndFinish(pool: pg.Pool, connection: pg.PoolClient, random: Random, counts: { prepared: number }): Promise<void> {
  const name = crypto.randomUUID()
  await connection.query(`PREPARE TRANSACTION '${name}'`)
  counts.prepared++
  await pause(random.whole(40))
  await pool.query(`${random.chance(0.7) ? 'COMMIT' : 'ROLLBACK'} PREPARED '${name}'`)
}

async function finishPrepared(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query<{ gid: string }>('SELECT gid FROM pg_prepared_xacts WHERE database = current_database()')
  for (const { gid } of rows) await pool.query(`COMMIT PREPARED '${gid}'`)
}

/** Writers in processes of their own, killed without warning and started again. */
function killWriters(url: string, random: Random, counts: { killed: number }): () => Promise<void> {
  const over = new AbortController()
  const file = fileURLToPath(new URL('./fence-writer.ts', import.meta.url))
  const keepKilling = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const child = spawn(process.execPath, [file, url, TABLE], { stdio: 'ignore' })
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
      await pause(300 + random.whole(300))
      child.kill('SIGKILL')
      await ended
      counts.killed++
    }
  }
  const done = keepKilling()
  return async () => {
    over.abort()
    await done
  }
}

/** The server's immediate shutdown, as after a crash of any backend, and its recovery; twice. */
async function crashTwice(server: PostgresServer, random: Random): Promise<void> {
  for (let crash = 0; crash < 2; crash++) {
    await pause(400 + random.whole(400))
    await server.kill()
    await server.start()
  }
}

/** What the table holds, once every follower has come to its end or had the time for it. */
async function settled(pool: pg.Pool, followers: readonly Follower[]): Promise<number[]> {
  await pause(100)
  const { rows } = await pool.query<{ position: number }>(`SELECT position::float8 AS position FROM ${TABLE} ORDER BY position`)
  const expected = rows.map(({ position }) => position)
  const giveUpAt = performance.now() + SETTLE_MS
  while (performance.now() < giveUpAt && followers.some(({ positions }) => positions.at(-1) !== expected.at(-1))) await pause(20)
  await pause(100)
  return expected
}

function judge(expected: readonly number[], delivered: readonly number[]): { missed: number; repeated: number; inverted: number } {
  const seen = new Set(delivered)
  const missing = expected.filter((position) => !seen.has(position))
  if (missing.length > 0) progress(`Missed ${missing.slice(0, 20).join(', ')}; came to ${delivered.at(-1)} of ${expected.at(-1)}.`)
  return {
    missed: missing.length,
    repeated: delivered.length - seen.size,
    inverted: delivered.filter((position, index) => position < (delivered[index - 1] ?? 0)).length,
  }
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms))
}
