import { schema } from '@zenstack-live/testing/studio'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import type pg from 'pg'

export const USERS = ['ann', 'bob', 'cay'] as const
/** Whoever is not signed in has no name. */
export type UserId = (typeof USERS)[number] | 'nobody'

export const ROLES = ['MEMBER', 'MANAGER'] as const
type Role = (typeof ROLES)[number]
export type Auth = { readonly id: string; readonly role: Role } | undefined

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

export type BoundClient = ReturnType<typeof boundClient>

export interface Studio {
  readonly db: ReturnType<typeof plainClient>
  clientAs(auth: Auth): BoundClient
  /** The client as the application's `getClient` would give it now: the role is the database's. */
  clientOf(user: UserId): Promise<BoundClient>
}

/** One statement as ZenStack gave it to the driver. */
export interface SentQuery {
  readonly sql: string
  readonly parameters: readonly unknown[]
}

export function createStudio(pool: pg.Pool, onSent?: (query: SentQuery) => void): Studio {
  const db = plainClient(pool, onSent)
  const bound = boundClient(db)
  const clientAs: Studio['clientAs'] = (auth) => bound.$setAuth(auth)
  return {
    db,
    clientAs,
    async clientOf(user) {
      const row = user === 'nobody' ? null : await db.user.findUnique({ where: { id: user } })
      return clientAs(authOf(user, row?.role))
    },
  }
}

/** @param role - the database's, where it has that user */
export function authOf(user: UserId, role: string | undefined): Auth {
  return user === 'nobody' ? undefined : { id: user, role: role === 'MANAGER' ? 'MANAGER' : 'MEMBER' }
}

function plainClient(pool: pg.Pool, onSent?: (query: SentQuery) => void) {
  return new ZenStackClient(schema, {
    dialect: new PostgresDialect({ pool }),
    ...(onSent === undefined ? {} : { log: ({ query }: { query: SentQuery }) => onSent(query) }),
  })
}

function boundClient(db: ReturnType<typeof plainClient>) {
  return db.$use(new PolicyPlugin())
}
