import { schema } from '@zenstack-live/testing/workspace'
import { createDatabase } from '@zenstack-live/testing'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import pg from 'pg'

/** The workspace schema in a database of its own. */
export interface Workspace {
  url: string
  /** Reads and writes everything. */
  db: ReturnType<typeof unprotectedClient>
  /** The policies hold. */
  as(auth: { id: string; role?: 'MEMBER' | 'MANAGER' } | undefined): ReturnType<typeof protectedClient>
  sql(text: string, parameters?: unknown[]): Promise<Record<string, unknown>[]>
  close(): Promise<void>
}

export async function createWorkspace(serverUrl: string): Promise<Workspace> {
  const url = await createDatabase(serverUrl)
  const pool = new pg.Pool({ connectionString: url, max: 20 })
  pool.on('error', () => {})
  const db = unprotectedClient(pool)
  await db.$pushSchema()
  const bound = protectedClient(db)
  return {
    url,
    db,
    as: (auth) => bound.$setAuth(auth === undefined ? undefined : { role: 'MEMBER', ...auth }),
    sql: async (text, parameters = []) => (await pool.query<Record<string, unknown>>(text, parameters)).rows,
    close: () => pool.end(),
  }
}

/** Ann manages, Bob is a member of the garden, Cay is nowhere. */
export async function seedWorkspace({ db }: Workspace): Promise<void> {
  await db.user.createMany({
    data: [
      { id: 'ann', name: 'Ann', role: 'MANAGER' },
      { id: 'bob', name: 'Bob' },
      { id: 'cay', name: 'Cay' },
    ],
  })
  await db.space.createMany({
    data: [
      { id: 'garden', name: 'Garden' },
      { id: 'roof', name: 'Roof' },
    ],
  })
  await db.member.createMany({
    data: [
      { spaceId: 'garden', userId: 'ann', role: 'MANAGER' },
      { spaceId: 'garden', userId: 'bob' },
      { spaceId: 'roof', userId: 'ann', role: 'MANAGER' },
    ],
  })
}

function unprotectedClient(pool: pg.Pool) {
  return new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) })
}

function protectedClient(db: ReturnType<typeof unprotectedClient>) {
  return db.$use(new PolicyPlugin())
}
