import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { openStream, wire, type TestStream } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'
import { createWorkspace, seedWorkspace, type Workspace } from './support/workspace.ts'

const CONNECTIONS = 5
const QUERIES = 200

describe('what a change costs', () => {
  let workspace: Workspace
  let running: RunningEdge
  let streams: TestStream[] = []

  beforeAll(async () => {
    workspace = await createWorkspace(inject('postgresUrl'))
    await seedWorkspace(workspace)
    running = await startEdge(workspace)
  })
  afterAll(async () => {
    for (const stream of streams) stream.close()
    await running.close()
    await workspace.close()
  })

  it('is in proportion to the queries it concerns, not to the thousand that are open', async () => {
    const ofRank = (rank: number): ReturnType<typeof wire> => wire('Note', 'findMany', { where: { rank } })
    streams = await Promise.all(
      Array.from({ length: CONNECTIONS }, async (_, connection) => {
        const queries = Array.from({ length: QUERIES }, (__, index) => ofRank(connection * QUERIES + index))
        const stream = await openStream({ base: running.base, user: 'bob', queries })
        await stream.until(() => queries.every(({ q }) => stream.query(q).isReady), 'all of them', 60_000)
        return stream
      }),
    )
    const { queriesNow, ...before } = structuredClone(running.edge.metrics())
    expect(queriesNow).toEqual({ incremental: CONNECTIONS * QUERIES, requery: 0 })
    const { id } = await workspace.db.note.create({ data: { ownerId: 'bob', body: 'moves', rank: 7 } })
    await workspace.db.note.update({ where: { id }, data: { rank: 450 } })
    await workspace.db.note.delete({ where: { id } })
    const told = (rank: number, op: string): boolean => streams.some((stream) => stream.frames.some((frame) => isAbout(frame, ofRank(rank).q, op)))
    await Promise.all(streams.map((stream) => stream.until(() => told(7, 'leave') && told(450, 'leave'), 'the last of it', 30_000)))
    const { queriesConcerned, rowsDecided, databaseQueries } = running.edge.metrics()
    // One for the insert, two for the move from one to another, one for the delete.
    expect(queriesConcerned - before.queriesConcerned).toBe(4)
    expect(rowsDecided - before.rowsDecided).toBe(4)
    expect(databaseQueries - before.databaseQueries).toBe(0)
  })

  it('is in the same proportion where the database is asked again', async () => {
    for (const stream of streams.splice(0)) stream.close()
    const windows = Array.from({ length: 50 }, (_, rank) => wire('Note', 'findMany', { where: { rank }, orderBy: { id: 'asc' }, take: 5 }))
    const count = wire('Note', 'count')
    // Its rows come in a second way: as notes of the owner of one, and as the place where a window begins.
    const anyway = [
      wire('Note', 'findMany', { where: { rank: 49 }, include: { owner: { include: { notes: true } } } }),
      wire('Note', 'findMany', { where: { rank: 49 }, orderBy: { id: 'asc' }, cursor: { id: 1 } }),
    ]
    const queries = { bob: [...windows, count, ...anyway], cay: [...windows, count] }
    const [bob, cay] = await Promise.all(
      Object.entries(queries).map(async ([user, asked]) => {
        const stream = await openStream({ base: running.base, user, queries: asked })
        streams.push(stream)
        await stream.until(() => asked.every(({ q }) => stream.query(q).isReady), 'all of them', 60_000)
        return stream
      }),
    )
    expect(running.edge.metrics().queriesNow).toEqual({ incremental: 0, requery: 104 })
    const { queriesConcerned } = running.edge.metrics()
    await workspace.db.note.create({ data: { id: 700, ownerId: 'bob', body: 'new', rank: 7 } })
    await bob?.until(() => bob.query(windows[7]?.q ?? count.q).rows.length === 1 && bob.query(count.q).value === 1, 'the window and the number')
    // Those of rank 7, bob's number, and the two that anything may concern: cay could not read it.
    expect(running.edge.metrics().queriesConcerned - queriesConcerned).toBe(5)
    await workspace.db.note.update({ where: { id: 700 }, data: { isPublic: true, rank: 8 } })
    await cay?.until(() => cay.query(windows[8]?.q ?? count.q).rows.length === 1 && cay.query(count.q).value === 1, 'what is public')
    await bob?.until(() => bob.query(windows[7]?.q ?? count.q).rows.length === 0, 'the window to be empty')
    await workspace.sql('TRUNCATE "Note" CASCADE')
    for (const stream of [bob, cay]) await stream?.until(() => stream.query(count.q).value === 0, 'nothing')
  })

  it('is one set of memberships where one person joins, not everybody who is a member of something', async () => {
    const tasks = wire('Task', 'findMany')
    const people = ['ann', 'bob', 'cay']
    const watching = await Promise.all(people.map((user) => openStream({ base: running.base, user, queries: [tasks] })))
    streams.push(...watching)
    await Promise.all(watching.map((stream) => stream.until(() => stream.query(tasks.q).isReady, 'ready', 30_000)))
    const [, , ofCay] = watching
    const before = running.edge.metrics().keySetsConcerned
    await workspace.db.task.create({ data: { id: 'g9', spaceId: 'garden', title: 'Dig', ownerId: 'ann' } })
    await workspace.db.member.create({ data: { spaceId: 'garden', userId: 'cay' } })
    await ofCay?.until(() => ofCay.text.includes('Dig'), 'the task', 30_000)
    expect(running.edge.metrics().keySetsConcerned - before).toBe(1)
  })
})

function isAbout(frame: TestStream['frames'][number], q: string, op: string): boolean {
  return frame.event === 'change' && frame.q === q && frame.ops.some((operation) => operation.op === op)
}
