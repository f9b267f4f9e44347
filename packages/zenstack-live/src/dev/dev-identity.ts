import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import type { SchemaDef } from '@zenstackhq/schema'
import pg from 'pg'
import type { LiveConfig } from '../config.ts'

export interface DevIdentity {
  getClient: NonNullable<LiveConfig['getClient']>
  close(): Promise<void>
}

/** Without any, ZenStack's policy plugin would let nobody read anything. */
export function hasPolicies(schema: SchemaDef): boolean {
  return Object.values(schema.models).some(({ attributes }) => attributes?.some(({ name }) => name === '@@allow'))
}

/**
 * Answers everybody as one person, under the policies where there are some: for looking around in a project that has not said yet who asks.
 *
 * @param auth - what `auth()` is; `undefined` for somebody who is not signed in
 */
export function createDevIdentity(schema: SchemaDef, url: string, auth: object | undefined): DevIdentity {
  const pool = new pg.Pool({ connectionString: url, max: 2 })
  pool.on('error', () => {}).on('connect', (client) => client.on('error', () => {}))
  const dialect = new PostgresDialect({ pool })
  // A schema that was loaded has no types to check `auth` against; its own rules do.
  const client = new ZenStackClient(schema, { dialect, plugins: hasPolicies(schema) ? [new PolicyPlugin()] : [] }).$setAuth(auth as never)
  return { getClient: () => client, close: () => pool.end() }
}
