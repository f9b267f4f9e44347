import { serialize } from '@zenstackhq/client-helpers/fetch'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { openStream, wire, type TestStream } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'
import { createWorkspace, seedWorkspace, type Workspace } from './support/workspace.ts'

const text = (rows: unknown): string => JSON.stringify(serialize(rows))

describe('a query that memory decides', () => {
  let workspace: Workspace
  let running: RunningEdge
  let stream: TestStream | undefined

  beforeAll(async () => {
    workspace = await createWorkspace(inject('postgresUrl'))
    await seedWorkspace(workspace)
    running = await startEdge(workspace)
  })
  beforeEach(async () => {
    stream?.close()
    await workspace.sql('DELETE FROM "Note"')
    await workspace.sql('DELETE FROM "Task"')
  })
  afterAll(async () => {
    stream?.close()
    await running.close()
    await workspace.close()
  })

  const shows = async (of: TestStream, query: ReturnType<typeof wire>, user: 'ann' | 'bob' | 'cay', role?: 'MANAGER'): Promise<void> => {
    const client = workspace.as({ id: user, ...(role === undefined ? {} : { role }) })
    const crud = Reflect.get(client, query.model.toLowerCase()) as { findMany(args: unknown): Promise<Record<string, unknown>[]> }
    const expected = await crud.findMany(query.args)
    await running.caughtUp()
    const held = (): unknown[] => of.query(query.q).rows.map(({ row }) => row)
    await of.until(() => text(held()) === text(expected), `${text(expected)} instead of ${text(held())}`)
    expect(of.query(query.q).rows.map(({ row }) => row)).toEqual(expected)
  }

  it('asks the database once, and follows inserts, updates and deletes with all types', async () => {
    const notes = wire('Note', 'findMany', { where: { rank: { gte: 2 } }, orderBy: [{ rank: 'desc' }, { id: 'asc' }] })
    stream = await openStream({ base: running.base, user: 'bob', queries: [notes] })
    await stream.until(() => stream?.query(notes.q).isReady === true, 'ready')
    expect(stream.query(notes.q).engine).toBe('incremental')
    const asked = running.edge.metrics().databaseQueries
    const { id } = await workspace.db.note.create({
      data: {
        ownerId: 'bob',
        body: 'ä"\n',
        rank: 3,
        size: 9_007_199_254_740_993n,
        score: '1.10',
        data: { a: [1, null] },
        tags: ['x', 'y'],
        secret: 's',
      },
    })
    await workspace.db.note.create({ data: { ownerId: 'cay', body: 'public', isPublic: true, rank: 5, secret: 'never to bob' } })
    await workspace.db.note.create({ data: { ownerId: 'bob', body: 'low', rank: 1 } })
    await shows(stream, notes, 'bob')
    await workspace.db.note.updateMany({ where: { body: 'low' }, data: { rank: 7 } })
    await shows(stream, notes, 'bob')
    await workspace.db.note.update({ where: { id }, data: { rank: 0 } })
    await shows(stream, notes, 'bob')
    await workspace.sql(`UPDATE "Note" SET "isPublic" = false WHERE body = 'public'`)
    await shows(stream, notes, 'bob')
    expect(running.edge.metrics().databaseQueries).toBe(asked)
    expect(stream.text).not.toContain('never to bob')
  })

  it('orders by a time to the microsecond, as Postgres does', async () => {
    const notes = wire('Note', 'findMany', { orderBy: { at: 'asc' } })
    await insertAt(workspace, 'third', '123900')
    await insertAt(workspace, 'first', '123100')
    stream = await openStream({ base: running.base, user: 'bob', queries: [notes] })
    await stream.until(() => stream?.query(notes.q).isReady === true, 'ready')
    expect(stream.query(notes.q).engine).toBe('incremental')
    await insertAt(workspace, 'second', '123500')
    await shows(stream, notes, 'bob')
    expect(stream.query(notes.q).rows.map(({ row }) => row['body'])).toEqual(['first', 'second', 'third'])
  })

  it('says nothing of a change in fields that the reader cannot see', async () => {
    const { id } = await workspace.db.note.create({ data: { ownerId: 'cay', body: 'b', isPublic: true, secret: 'the secret one' } })
    const notes = wire('Note', 'findMany')
    const bodies = wire('Note', 'findMany', { select: { id: true, body: true } })
    stream = await openStream({ base: running.base, user: 'bob', queries: [notes, bodies] })
    await stream.until(() => stream?.query(notes.q).isReady === true && stream.query(bodies.q).isReady, 'ready')
    const before = stream.frames.length
    await workspace.db.note.update({ where: { id }, data: { secret: 'the secret two' } })
    await workspace.db.note.update({ where: { id }, data: { body: 'c' } })
    await shows(stream, notes, 'bob')
    expect(stream.frames.slice(before).map((frame) => frame.event)).toEqual(['change', 'change'])
    expect(stream.text).not.toMatch(/the secret/)
  })

  it('shows nothing of what was made and undone within a transaction', async () => {
    const notes = wire('Note', 'findMany')
    stream = await openStream({ base: running.base, user: 'bob', queries: [notes] })
    await stream.until(() => stream?.query(notes.q).isReady === true, 'ready')
    await workspace.db.$transaction(async (tx) => {
      const note = await tx.note.create({ data: { ownerId: 'bob', body: 'draft for bob' } })
      await tx.note.update({ where: { id: note.id }, data: { ownerId: 'cay', body: 'given to cay' } })
      await tx.note.create({ data: { ownerId: 'bob', body: 'kept' } })
    })
    await shows(stream, notes, 'bob')
    expect(stream.text).not.toMatch(/draft|given/)
  })

  it('follows memberships: rows come and go, and other changes cost no question', async () => {
    const tasks = wire('Task', 'findMany', { orderBy: { title: 'asc' } })
    await workspace.db.task.createMany({
      data: [
        { id: 'g1', spaceId: 'garden', title: 'Dig', ownerId: 'ann', budget: 5 },
        { id: 'r1', spaceId: 'roof', title: 'Climb', ownerId: 'ann' },
        { id: 'p1', spaceId: 'garden', title: 'Diary', ownerId: 'ann', isPrivate: true },
        { id: 'o1', spaceId: 'roof', title: 'Own', ownerId: 'cay' },
      ],
    })
    stream = await openStream({ base: running.base, user: 'cay', queries: [tasks] })
    await stream.until(() => stream?.query(tasks.q).isReady === true, 'ready')
    expect(stream.query(tasks.q).engine).toBe('incremental')
    await shows(stream, tasks, 'cay')
    expect(stream.query(tasks.q).rows).toHaveLength(1)
    await workspace.db.member.create({ data: { spaceId: 'garden', userId: 'cay' } })
    await shows(stream, tasks, 'cay')
    const asked = running.edge.metrics().databaseQueries
    await workspace.db.task.create({ data: { id: 'g2', spaceId: 'garden', title: 'Plant', ownerId: 'ann', budget: 7 } })
    await workspace.db.member.create({ data: { spaceId: 'roof', userId: 'bob' } })
    await workspace.db.task.update({ where: { id: 'g1' }, data: { isPrivate: true } })
    await shows(stream, tasks, 'cay')
    expect(running.edge.metrics().databaseQueries).toBe(asked)
    await workspace.db.member.delete({ where: { spaceId_userId: { spaceId: 'garden', userId: 'cay' } } })
    await shows(stream, tasks, 'cay')
    await workspace.db.task.create({ data: { id: 'g3', spaceId: 'garden', title: 'After', ownerId: 'ann' } })
    await shows(stream, tasks, 'cay')
    expect(stream.text).not.toMatch(/Diary|After/)
  })

  it('reads again what a TRUNCATE, a key change and a bulk rename leave', async () => {
    const tasks = wire('Task', 'findMany', { where: { ownerId: 'bob' } })
    await workspace.db.task.create({ data: { id: 'a', spaceId: 'garden', title: 'A', ownerId: 'bob' } })
    stream = await openStream({ base: running.base, user: 'bob', queries: [tasks] })
    await stream.until(() => stream?.query(tasks.q).isReady === true, 'ready')
    await workspace.sql(`UPDATE "Task" SET id = 'b' WHERE id = 'a'`)
    await shows(stream, tasks, 'bob')
    await workspace.sql('TRUNCATE "Task" CASCADE')
    await stream.until(() => stream?.query(tasks.q).rows.length === 0, 'empty')
    expect(stream.frames.some((frame) => frame.event === 'reset' && frame.reason === 'truncate')).toBe(true)
    await workspace.db.task.create({ data: { id: 'c', spaceId: 'garden', title: 'C', ownerId: 'bob' } })
    await shows(stream, tasks, 'bob')
  })
})

/** A note of one second, at a microsecond of it. */
async function insertAt(workspace: Workspace, body: string, micros: string): Promise<void> {
  await workspace.sql(
    `INSERT INTO "Note" ("ownerId", body, rank, size, at, "isPublic") VALUES ('bob', $1, 0, 0, '2024-05-05 10:00:00.${micros}', false)`,
    [body],
  )
}
