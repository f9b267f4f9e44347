import type { schema } from '@zenstack-live/testing/studio'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import type pg from 'pg'
import { compileOnce } from './compile-once.ts'

/** Of schemas over the studio's tables, whatever their policies. */
export type StudioSchema = typeof schema

export const USERS = ['ann', 'bob', 'cay'] as const
/** Whoever is not signed in has no name. */
export type UserId = (typeof USERS)[number] | 'nobody'

export const SPACES = ['garden', 'roof', 'cellar'] as const
export const ROLES = ['MEMBER', 'MANAGER'] as const

/** What a row of `User` says of somebody, and policies may read. */
export interface Profile {
  readonly role: string
  readonly level: number
  readonly homeId: string | null
  readonly labels: readonly string[]
}

/** As the application says of somebody when it signs them in, beside what the row says. */
export interface Membership {
  readonly spaceId: string
  readonly role: string
}

export type Auth = (Profile & { readonly id: string; readonly members: readonly Membership[] }) | undefined

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

type PlainClient = ReturnType<typeof plainClient>
export type BoundClient = ReturnType<PlainClient['$setAuth']>

export interface Studio {
  readonly db: PlainClient
  clientAs(auth: Auth): BoundClient
  /** The client as the application's `getClient` would give it now: the profile is the database's. */
  clientOf(user: UserId): Promise<BoundClient>
}

/** One statement as ZenStack gave it to the driver. */
export interface SentQuery {
  readonly sql: string
  readonly parameters: readonly unknown[]
}

export function createStudio(schema: StudioSchema, pool: pg.Pool, onSent?: (query: SentQuery) => void): Studio {
  const db = plainClient(schema, pool, onSent)
  compileOnce(db)
  const bound = db.$use(new PolicyPlugin())
  // The studio's own schema knows less of a user, which others' policies read.
  const clientAs: Studio['clientAs'] = (auth) => bound.$setAuth(auth as Parameters<typeof bound.$setAuth>[0])
  return {
    db,
    clientAs,
    async clientOf(user) {
      if (user === 'nobody') return clientAs(undefined)
      const { rows } = await pool.query<Profile>('SELECT role, level, "homeId", labels FROM "User" WHERE id = $1', [user])
      return clientAs(authOf(user, rows[0]))
    },
  }
}

/** @param profile - the database's, where it has that user */
export function authOf(user: UserId, { role = 'MEMBER', level = 0, homeId = null, labels = [] }: Partial<Profile> = {}): Auth {
  return user === 'nobody' ? undefined : { id: user, role, level, homeId, labels, members: membershipsOf({ role, homeId, labels }) }
}

/** Made of the row, which edges watch: of what else the application puts into `auth()` they learn when they ask it again. */
function membershipsOf({ role, homeId, labels }: Pick<Profile, 'role' | 'homeId' | 'labels'>): readonly Membership[] {
  const spaces = [
    ...(homeId === null ? [] : [{ spaceId: homeId, role }]),
    ...labels.map((label) => ({ spaceId: label === 'x' ? 'roof' : 'cellar', role: 'MEMBER' })),
  ]
  return spaces.filter(({ spaceId }, index) => spaces.findIndex((one) => one.spaceId === spaceId) === index)
}

function plainClient(schema: StudioSchema, pool: pg.Pool, onSent?: (query: SentQuery) => void) {
  return new ZenStackClient(schema, {
    dialect: new PostgresDialect({ pool }),
    ...(onSent === undefined ? {} : { log: ({ query }: { query: SentQuery }) => onSent(query) }),
  })
}
