import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import pg from 'pg'
import { ZenStackLive } from 'zenstack-live'
import { schema } from './generated/schema.ts'

export type Database = ReturnType<typeof openDatabase>
export type Live = ZenStackLive<typeof schema>

export function openDatabase(url: string) {
  const pool = new pg.Pool({ connectionString: url })
  // A connection that breaks is replaced. Without listeners, for idle ones and for those in use, it would end the process.
  pool.on('error', console.error).on('connect', (client) => client.on('error', console.error))
  return new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) })
}

/** Without `redis`, the log lives in a file of this process: right for one process, and for development. */
export function openLive(db: Database, options: { databaseUrl: string; redisUrl?: string; directory?: string; slot?: string }): Live {
  const { databaseUrl, redisUrl, directory, slot } = options
  return new ZenStackLive({
    client: db,
    database: { url: databaseUrl },
    ...(redisUrl === undefined ? {} : { redis: { url: redisUrl }, setUp: true }),
    ...(directory === undefined ? {} : { directory }),
    // Slots belong to the whole server: two applications on one server need two names.
    ...(slot === undefined ? {} : { slot, publication: slot }),
  })
}
