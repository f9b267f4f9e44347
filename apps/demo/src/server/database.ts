import { ZenStackClient, type ClientContract } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import pg from 'pg'
import { schema, type SchemaType } from '../../schema/generated/schema.ts'

/** The workspace as one person may see it. */
export type DemoClient = ClientContract<SchemaType>

export interface Database {
  /** Bound to nobody: policies hold, and allow nothing until `clientOf` says who asks. */
  readonly client: DemoClient
  /** The client of a signed-in person, or of nobody. The role is read now, so that a changed one counts at once. */
  clientOf(personId: string | undefined): Promise<DemoClient>
  close(): Promise<void>
}

export function openDatabase(databaseUrl: string): Database {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 })
  // A connection that breaks is replaced. Without listeners, for idle ones and for those in use, it would end the process.
  pool.on('error', () => {}).on('connect', (client) => client.on('error', () => {}))
  const open = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) })
  const client: DemoClient = open.$use(new PolicyPlugin())
  return {
    client,
    async clientOf(personId) {
      if (personId === undefined) return client
      const person = await open.user.findUnique({ where: { id: personId }, select: { id: true, role: true } })
      return person === null ? client : client.$setAuth(person)
    },
    close: () => open.$disconnect(),
  }
}
