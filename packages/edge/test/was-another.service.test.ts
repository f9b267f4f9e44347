import type { LiveClient } from '@zenstack-live/edge'
import { CHANGES_SEGMENT } from '@zenstack-live/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPoliciedDatabase, type PoliciedDatabase } from './support/policied-database.ts'
import { openStream, wire } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'

const ZMODEL = `
model Team {
  id String @id
  plan String
  users User[]
  @@allow('all', true)
}
model User {
  id String @id
  role String
  seen Int @default(0)
  team Team @relation(fields: [teamId], references: [id])
  teamId String
  @@auth
  @@allow('all', true)
}
model Paper {
  id String @id
  title String
  @@allow('read', auth().role == 'MANAGER' && auth().team.plan == 'PRO')
}`
const PAPERS = wire('Paper', 'findMany', { orderBy: { id: 'asc' } })
const CHANGES = wire('Paper', CHANGES_SEGMENT)

describe('somebody who comes back as who they were', () => {
  let database: PoliciedDatabase
  let running: RunningEdge
  const sql: PoliciedDatabase['sql'] = (...asked) => database.sql(...asked)

  beforeAll(async () => {
    database = await openPoliciedDatabase(ZMODEL)
    const { schema, url, bound } = database
    await sql(`INSERT INTO "Team" VALUES ('pros', 'PRO'), ('others', 'FREE')`)
    await sql(`INSERT INTO "User" VALUES ('bob', 'MANAGER', 0, 'pros')`)
    await sql(`INSERT INTO "Paper" VALUES ('a', 'first')`)
    const getClient = async (): Promise<LiveClient> => {
      const [user] = await sql(`SELECT u.id, u.role, t.plan FROM "User" u JOIN "Team" t ON t.id = u."teamId" WHERE u.id = 'bob'`)
      return bound.$setAuth({ id: user?.['id'], role: user?.['role'], team: { plan: user?.['plan'] } })
    }
    running = await startEdge({ url, sql, as: getClient as never }, { schema, tables: ['Team', 'User', 'Paper'], getClient })
  })
  afterAll(async () => {
    await running.close()
    await database.close()
  })

  /** @returns what they are sent after they were away while this happened */
  const toldAfter = async (...statements: string[]): Promise<{ text: string; events: string[] }> => {
    await running.caughtUp()
    const first = await openStream({ base: running.base, queries: [PAPERS, CHANGES] })
    await first.until(() => [PAPERS, CHANGES].every(({ q }) => first.query(q).isReady) && first.lastEventId !== undefined, 'ready')
    const { lastEventId = '' } = first
    const queries = [PAPERS, CHANGES].map((query) => ({ ...query, ticket: first.query(query.q).ticket ?? '' }))
    first.close()
    for (const statement of statements) await sql(statement)
    await running.caughtUp()
    const second = await openStream({ base: running.base, queries, lastEventId })
    await second.until(() => [PAPERS, CHANGES].every(({ q }) => second.query(q).isReady), 'ready again')
    await sql(`UPDATE "Paper" SET title = title || ' again' WHERE id = 'a'`)
    await second.until(() => second.text.split(' again').length > 2, 'the last change, by both')
    second.close()
    return { text: second.text, events: second.frames.map(({ event }) => event) }
  }

  it.each([
    ['by a field that policies read', 'role', 'MEMBER', 'MANAGER'],
    ['by a relation that policies follow', 'teamId', 'others', 'pros'],
  ])('is not told of what came and went while they were another %s', async (_, field, other, own) => {
    const { text, events } = await toldAfter(
      `UPDATE "User" SET "${field}" = '${other}' WHERE id = 'bob'`,
      `INSERT INTO "Paper" VALUES ('hidden', 'x')`,
      `UPDATE "Paper" SET title = 'in between' WHERE id = 'a'`,
      `DELETE FROM "Paper" WHERE id = 'hidden'`,
      `UPDATE "Paper" SET title = 'first' WHERE id = 'a'`,
      `UPDATE "User" SET "${field}" = '${own}' WHERE id = 'bob'`,
    )
    expect(text).not.toMatch(/hidden|in between/)
    expect(events).toContain('snapshot')
  })

  it('is given the whole, whatever of their row was changed: only the application knows what it makes of it', async () => {
    const { events } = await toldAfter(`UPDATE "User" SET seen = seen + 1 WHERE id = 'bob'`)
    expect(events).toEqual(expect.arrayContaining(['snapshot', 'reset']))
  })

  it('goes on where they were, if their row was not changed', async () => {
    const { text, events } = await toldAfter(
      `INSERT INTO "Paper" VALUES ('gone', 'x')`,
      `DELETE FROM "Paper" WHERE id = 'gone'`,
      `UPDATE "Paper" SET title = 'meanwhile' WHERE id = 'a'`,
    )
    expect(text).toContain('meanwhile')
    expect(events).not.toContain('snapshot')
    expect(events).not.toContain('reset')
  })

  it('is told on, live, where their row was changed and they are who they were: that was asked at once', async () => {
    await running.caughtUp()
    const stream = await openStream({ base: running.base, queries: [PAPERS, CHANGES] })
    await stream.until(() => [PAPERS, CHANGES].every(({ q }) => stream.query(q).isReady), 'ready')
    const before = stream.frames.length
    const { lastEventId } = stream
    await sql(`UPDATE "User" SET seen = seen + 1 WHERE id = 'bob'`)
    // Who comes back from before the change begins anew.
    await stream.until(() => stream.lastEventId !== lastEventId, 'an id behind the change', 10_000)
    await sql(`UPDATE "Paper" SET title = 'live' WHERE id = 'a'`)
    await stream.until(() => stream.text.split('"live').length > 2, 'the change, by both')
    stream.close()
    expect(
      stream.frames
        .slice(before)
        .map(({ event }) => event)
        .sort(),
    ).toEqual(['change', 'changes'])
  })
})
