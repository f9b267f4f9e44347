import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import pg from 'pg'
import { schema } from '../zenstack/schema.ts'

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] })
// A connection that breaks is replaced. Without listeners, for idle ones and for those in use, it would end the process.
pool.on('error', console.error).on('connect', (client) => client.on('error', console.error))

/** Every read and write through it is bound by the policies of the schema. */
export const db = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }), plugins: [new PolicyPlugin()] })
