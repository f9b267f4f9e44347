import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import pg from 'pg'
import { schema } from '../zenstack/schema.ts'

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] })

/** Every read and write through it is bound by the policies of the schema. */
export const db = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }), plugins: [new PolicyPlugin()] })
