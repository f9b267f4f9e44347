import { schema } from '@zenstack-live/testing/studio'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import type pg from 'pg'

export const USERS = ['ann', 'bob', 'cay'] as const
/** Whoever is not signed in has no name. */
export type UserId = (typeof USERS)[number] | 'nobody'

export const SECRET = 'the secret of the fuzzer, shared by its edges'

export const TABLES = ['User', 'Space', 'Member', 'Task', 'Comment', 'Note', 'Tag', '_tagged', 'Asset', 'Picture', 'Memo'].map((name) => ({
  schema: 'public',
  name,
}))

/** The table between tasks and tags: pushing a schema leaves it out. */
export const JOIN_TABLE = `CREATE TABLE "_tagged" (
  "A" text NOT NULL REFERENCES "Tag" (id) ON DELETE CASCADE ON UPDATE CASCADE,
  "B" text NOT NULL REFERENCES "Task" (id) ON DELETE CASCADE ON UPDATE CASCADE,
  PRIMARY KEY ("A", "B"))`

export interface Studio {
  readonly db: ReturnType<typeof plainClient>
  /** The client as the application's `getClient` would give it now: the role is the database's. */
  clientOf(user: UserId): Promise<ReturnType<typeof boundClient>>
}

export function createStudio(pool: pg.Pool): Studio {
  const db = plainClient(pool)
  const bound = boundClient(db)
  return {
    db,
    async clientOf(user) {
      if (user === 'nobody') return bound.$setAuth(undefined)
      const row = await db.user.findUnique({ where: { id: user } })
      return bound.$setAuth({ id: user, role: row?.role ?? 'MEMBER' })
    },
  }
}

function plainClient(pool: pg.Pool) {
  return new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) })
}

function boundClient(db: ReturnType<typeof plainClient>) {
  return db.$use(new PolicyPlugin())
}
