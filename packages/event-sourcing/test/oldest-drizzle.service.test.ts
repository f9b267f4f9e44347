import { createDatabase } from '@zenstack-live/testing'
import { drizzle } from 'drizzle-orm-min/node-postgres'
import { drizzle as drizzlePostgresJs } from 'drizzle-orm-min/postgres-js'
import pg from 'pg'
import postgres from 'postgres'
import { expect, inject, it, vi } from 'vitest'
import { createEventClient } from '../src/index.ts'
import { describeEventStore, type ContractOptions } from './support/contract.ts'
import { describeSeedSuite } from './support/seed-suite.ts'
import type { ShopClient } from './support/shop-models.ts'
import { shopEvents, shopProjections, type ShopEvent } from './support/shop.ts'

// The package and its tables are made with the oldest Drizzle that the peer range allows.
vi.mock('drizzle-orm', () => import('drizzle-orm-min'))
vi.mock('drizzle-orm/pg-core', () => import('drizzle-orm-min/pg-core'))

/** Two versions of Drizzle in one program have two sets of types. */
function asDatabase(db: unknown): Parameters<typeof createEventClient>[0] {
  return db as Parameters<typeof createEventClient>[0]
}

it('uses the tables of the oldest Drizzle', async () => {
  const { PgTable } = await import('drizzle-orm-min/pg-core')
  expect(shopEvents).toBeInstanceOf(PgTable)
})

describeEventStore('the event store through the oldest Drizzle on node-postgres', async () => {
  const pool = new pg.Pool({ connectionString: await createDatabase(inject('postgresUrl')), max: 16 })
  const clientWith = (options: ContractOptions): ShopClient =>
    createEventClient<ShopEvent['type'], ShopEvent>(asDatabase(drizzle(pool)), shopEvents, shopProjections, options)
  return { clientWith, close: () => pool.end() }
})

describeEventStore('the event store through the oldest Drizzle on postgres-js', async () => {
  const client = postgres(await createDatabase(inject('postgresUrl')), { max: 16, onnotice: () => {} })
  const clientWith = (options: ContractOptions): ShopClient =>
    createEventClient<ShopEvent['type'], ShopEvent>(asDatabase(drizzlePostgresJs(client)), shopEvents, shopProjections, options)
  return { clientWith, close: () => client.end() }
})

describeSeedSuite("the seed's suite through the oldest Drizzle on postgres-js", async () => {
  const client = postgres(await createDatabase(inject('postgresUrl')), { max: 16, onnotice: () => {} })
  return { db: asDatabase(drizzlePostgresJs(client)), close: () => client.end() }
})
