import { createDatabase } from '@zenstack-live/testing'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { inject } from 'vitest'
import { createEventClient, type EventClientOptions } from '../../src/index.ts'
import type { ShopClient } from './shop-models.ts'
import { shopEvents, shopProjections, type ShopEvent } from './shop.ts'

export type ShopDatabase = ReturnType<typeof openDrizzle>

export interface Shop {
  url: string
  pool: pg.Pool
  db: ShopDatabase
  client: ShopClient
  /** A second client on the same tables, such as another process would have. */
  clientWith(options: EventClientOptions): ShopClient
  close(): Promise<void>
}

export function openDrizzle(pool: pg.Pool): ReturnType<typeof drizzle<Record<string, never>, pg.Pool>> {
  return drizzle(pool)
}

/** A fresh database with the shop's tables. */
export async function openShop(options: { poolSize?: number; install?: boolean } = {}): Promise<Shop> {
  const url = await createDatabase(inject('postgresUrl'))
  const pool = new pg.Pool({ connectionString: url, max: options.poolSize ?? 10 })
  // Some tests end connections; whoever used one gets the error.
  pool.on('error', () => {})
  pool.on('connect', (connection) => connection.on('error', () => {}))
  const db = openDrizzle(pool)
  const clientWith = (clientOptions: EventClientOptions): ShopClient =>
    createEventClient<ShopEvent['type'], ShopEvent>(db, shopEvents, shopProjections, clientOptions)
  const client = clientWith({})
  if (options.install !== false) await client.install()
  return { url, pool, db, client, clientWith, close: () => pool.end() }
}
