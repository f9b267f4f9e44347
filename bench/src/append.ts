import { createEventClient, createEventsTable, createProjectionsTable, defineProjection, type EventClient } from '@zenstack-live/event-sourcing'
import { startPostgres } from '@zenstack-live/testing'
import { sql } from 'drizzle-orm'
import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres'
import { drizzle as drizzlePglite } from 'drizzle-orm/pglite'
import { drizzle as drizzlePostgresJs } from 'drizzle-orm/postgres-js'
import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import postgres from 'postgres'
import { progress, type CommandOptions } from './command.ts'
import { median } from './quantile.ts'
import { createRandom } from './random.ts'

/*
 * Conditional append beside plain insert, on the same table, through the same driver, in alternation within one run,
 * because a shared machine's absolute speed says little. The seed's mechanism, SERIALIZABLE and a global lock run beside them.
 */

const CARTS = 10_000
const CLIENTS = [1, 8, 32] as const
const READ_EVENTS = 20_000
const DEFAULT_ROUNDS = 3
const DEFAULT_SECONDS = 1.5

const events = createEventsTable({ name: 'bench_events', identifiers: ['cartId'] })
const projections = createProjectionsTable({ name: 'bench_views' })
const cart = defineProjection({
  name: 'cart',
  query: { types: ['ItemAdded'], by: 'cartId' },
  initial: () => ({ count: 0 }),
  evolve: (state) => ({ count: state.count + 1 }),
})

type Database = ReturnType<typeof drizzlePg> | ReturnType<typeof drizzlePostgresJs> | ReturnType<typeof drizzlePglite>
type Append = (cartId: string) => Promise<unknown>

interface Turns {
  rounds: number
  /** Of each measurement. */
  durationMs: number
}

interface Result {
  name: string
  metrics: Record<string, number>
  peers: Record<string, Record<string, number>>
}

/** `runs`: rounds in which the mechanisms take turns, each for `seconds`; the medians count. */
export async function run({ runs = DEFAULT_ROUNDS, seconds = DEFAULT_SECONDS }: CommandOptions): Promise<Result> {
  const turns: Turns = { rounds: Math.max(1, runs), durationMs: Math.max(1, seconds) * 1000 }
  const server = await startPostgres({ settings: { fsync: 'on', full_page_writes: 'on' } })
  try {
    const peers: Record<string, Record<string, number>> = {}
    for (const driver of ['node-postgres', 'postgres-js'] as const) {
      const url = await server.createDatabase()
      const { db, close } = openDriver(driver, url)
      const mechanisms = await prepare(db)
      const measured = await measureAll(mechanisms, CLIENTS, turns, driver)
      for (const [name, speeds] of Object.entries(measured)) peers[`${driver} ${name}`] = speeds
      await close()
    }
    const memory = new PGlite()
    const embedded = await measureAll(await prepare(drizzlePglite(memory)), [1], turns, 'pglite')
    for (const [name, speeds] of Object.entries(embedded)) peers[`pglite ${name}`] = speeds
    await memory.close()
    return { name: 'append', metrics: { ...ratios(peers), ...(await measureReading(await server.createDatabase())) }, peers }
  } finally {
    await server.stop()
  }
}

function openDriver(driver: 'node-postgres' | 'postgres-js', url: string): { db: Database; close: () => Promise<void> } {
  const max = Math.max(...CLIENTS)
  if (driver === 'node-postgres') {
    const pool = new pg.Pool({ connectionString: url, max })
    return { db: drizzlePg(pool), close: () => pool.end() }
  }
  const client = postgres(url, { max, onnotice: () => {} })
  return { db: drizzlePostgresJs(client), close: () => client.end() }
}

/** Every mechanism appends one event to a cart, unless the cart was checked out. All write to the same table. */
async function prepare(db: Database): Promise<Record<string, Append>> {
  const client: EventClient = createEventClient(db, events, projections)
  await client.install()
  await db.execute(sql.raw(GLOBAL_LOCK_FUNCTION))
  let last = 0
  const id = (): string => `e${process.pid}-${++last}`
  const insertUnless = (cartId: string): ReturnType<typeof sql> =>
    sql`INSERT INTO bench_events (id, type, data) SELECT ${id()}, 'ItemAdded', ${JSON.stringify(data(cartId))}::text::jsonb
      WHERE NOT EXISTS (SELECT FROM bench_events WHERE type IN ('CheckedOut') AND (data->>'cartId') = ${cartId}) RETURNING id`
  return {
    plain: (cartId) =>
      Promise.resolve(
        db
          .insert(events)
          .values({ id: id(), type: 'ItemAdded', data: data(cartId) })
          .returning(),
      ),
    conditional: (cartId) =>
      client.append(
        { type: 'ItemAdded', data: data(cartId) },
        { condition: { failIfEventsMatch: { types: ['CheckedOut'], identifier: { cartId } } } },
      ),
    unconditional: (cartId) => client.saveEvent({ type: 'ItemAdded', data: data(cartId) }),
    seed: (cartId) =>
      Promise.resolve(
        db.execute(sql`WITH new_event AS (INSERT INTO bench_events (id, type, data) VALUES (${id()}, 'ItemAdded', ${JSON.stringify(data(cartId))}::text::jsonb) RETURNING *)
          SELECT * FROM new_event WHERE NOT EXISTS (SELECT 1 FROM bench_events WHERE type IN ('CheckedOut') AND data->>'cartId' = ${cartId} AND id > ${'e'})`),
      ),
    serializable: (cartId) =>
      untilSerialized(() => db.transaction(async (tx) => void (await tx.execute(insertUnless(cartId))), { isolationLevel: 'serializable' })),
    globalLock: (cartId) => Promise.resolve(db.execute(sql`SELECT bench_global_append(${id()}, ${JSON.stringify(data(cartId))}::text::jsonb)`)),
  }
}

const data = (cartId: string): { cartId: string; sku: string; quantity: number } => ({ cartId, sku: 'sku-1', quantity: 1 })

const GLOBAL_LOCK_FUNCTION = `CREATE OR REPLACE FUNCTION bench_global_append(new_id text, new_data jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(1);
  IF EXISTS (SELECT FROM bench_events WHERE (data->>'cartId') = new_data->>'cartId' AND type = 'CheckedOut') THEN RETURN false; END IF;
  INSERT INTO bench_events (id, type, data) VALUES (new_id, 'ItemAdded', new_data);
  RETURN true;
END $$`

async function untilSerialized(attempt: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!/serialize|40001/.test(`${String(error)} ${String(Reflect.get(Object(Reflect.get(Object(error), 'cause')), 'code'))}`)) throw error
    }
  }
}

/** Medians of rounds in which the mechanisms take turns. */
async function measureAll(
  mechanisms: Record<string, Append>,
  clients: readonly number[],
  { rounds, durationMs }: Turns,
  label: string,
): Promise<Record<string, Record<string, number>>> {
  const result: Record<string, Record<string, number>> = {}
  for (const count of clients) {
    const speeds = new Map<string, number[]>()
    for (let round = 0; round <= rounds; round++) {
      for (const [name, append] of Object.entries(mechanisms)) {
        const perSecond = await measure(append, count, round === 0 ? durationMs / 3 : durationMs, round + 1)
        // The first round only warms up.
        if (round > 0) speeds.set(name, [...(speeds.get(name) ?? []), perSecond])
      }
    }
    for (const [name, all] of speeds) {
      result[name] = { ...result[name], [`perSecond${count}`]: Math.round(median(all)) }
    }
    progress(`${label} ${count} clients: ${[...speeds].map(([name, all]) => `${name} ${Math.round(median(all))}`).join(', ')}`)
  }
  return result
}

async function measure(append: Append, clients: number, durationMs: number, seed: number): Promise<number> {
  const random = createRandom(seed * 1000 + clients)
  const startedAt = performance.now()
  let appended = 0
  const work = async (): Promise<void> => {
    while (performance.now() - startedAt < durationMs) {
      await append(`cart-${random.whole(CARTS)}`)
      appended++
    }
  }
  await Promise.all(Array.from({ length: clients }, work))
  return appended / ((performance.now() - startedAt) / 1000)
}

async function measureReading(url: string): Promise<{ readPerSecond: number; rebuildPerSecond: number }> {
  const { db, close } = openDriver('node-postgres', url)
  const client = createEventClient(db, events, projections)
  await client.install()
  const inputs = Array.from({ length: 1000 }, (_, index) => ({ type: 'ItemAdded', data: { cartId: `cart-${index}`, sku: 'sku-1', quantity: 1 } }))
  for (let written = 0; written < READ_EVENTS; written += inputs.length) await client.saveEvents(inputs)
  const readStartedAt = performance.now()
  let read = 0
  for await (const event of client.subscribe()) {
    read += event.position > 0 ? 1 : 0
    if (read === READ_EVENTS) break
  }
  const readPerSecond = Math.round(read / ((performance.now() - readStartedAt) / 1000))
  const rebuildStartedAt = performance.now()
  await client.rebuild(cart)
  const rebuildPerSecond = Math.round(READ_EVENTS / ((performance.now() - rebuildStartedAt) / 1000))
  progress(`subscribe ${readPerSecond} events/s, rebuild ${rebuildPerSecond} events/s`)
  await close()
  return { readPerSecond, rebuildPerSecond }
}

function ratios(peers: Result['peers']): Record<string, number> {
  const speed = (name: string, clients: number): number => peers[`node-postgres ${name}`]?.[`perSecond${clients}`] ?? 0
  const ratio = (name: string, clients: number): number => Math.round((speed('conditional', clients) / speed(name, clients)) * 100) / 100
  return { ratioToPlain1: ratio('plain', 1), ratioToPlain8: ratio('plain', 8), ratioToPlain32: ratio('plain', 32), ratioToSeed32: ratio('seed', 32) }
}
