import { PGlite } from '@electric-sql/pglite'
import { createDatabase } from '@zenstack-live/testing'
import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres'
import { drizzle as drizzlePglite } from 'drizzle-orm/pglite'
import { drizzle as drizzlePostgresJs } from 'drizzle-orm/postgres-js'
import pg from 'pg'
import postgres from 'postgres'
import { inject } from 'vitest'
import { createEventClient } from '../src/index.ts'
import { describeEventStore, type ContractOptions, type ContractStore } from './support/contract.ts'
import { describeSeedSuite } from './support/seed-suite.ts'
import type { ShopClient } from './support/shop-models.ts'
import { shopEvents, shopProjections, type ShopEvent } from './support/shop.ts'

type Database = Parameters<typeof createEventClient>[0]

function storeOver(db: Database, close: () => Promise<void>, extra: { useAppendFunction?: boolean } = {}): ContractStore {
  const clientWith = (options: ContractOptions): ShopClient =>
    createEventClient<ShopEvent['type'], ShopEvent>(db, shopEvents, shopProjections, { ...options, ...extra })
  return { clientWith, close }
}

async function openPool(): Promise<pg.Pool> {
  return new pg.Pool({ connectionString: await createDatabase(inject('postgresUrl')), max: 16 })
}

describeEventStore('the event store through node-postgres', async () => {
  const pool = await openPool()
  return storeOver(drizzlePg(pool), () => pool.end())
})

describeEventStore('the event store through node-postgres, without the append function', async () => {
  const pool = await openPool()
  return storeOver(drizzlePg(pool), () => pool.end(), { useAppendFunction: false })
})

describeEventStore('the event store through postgres-js', async () => {
  const client = postgres(await createDatabase(inject('postgresUrl')), { max: 16, onnotice: () => {} })
  return storeOver(drizzlePostgresJs(client), () => client.end())
})

describeEventStore('the event store through PGlite', async () => {
  const client = new PGlite()
  return storeOver(drizzlePglite(client), () => client.close())
})

describeSeedSuite("the seed's suite through node-postgres", async () => {
  const pool = await openPool()
  return { db: drizzlePg(pool), close: () => pool.end() }
})

describeSeedSuite("the seed's suite through postgres-js", async () => {
  const client = postgres(await createDatabase(inject('postgresUrl')), { max: 16, onnotice: () => {} })
  return { db: drizzlePostgresJs(client), close: () => client.end() }
})

describeSeedSuite("the seed's suite through PGlite", async () => {
  const client = new PGlite()
  return { db: drizzlePglite(client), close: () => client.close() }
})
