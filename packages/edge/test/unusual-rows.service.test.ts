import { CHANGES_SEGMENT } from '@zenstack-live/protocol'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { openStream, wire, type StreamRequest, type TestStream } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'
import { createWorkspace, seedWorkspace, type Workspace } from './support/workspace.ts'

const WHOLE = wire('Note', 'findMany')
const BODIES = wire('Note', 'findMany', { select: { id: true, body: true } })
const COUNTED = wire('Note', 'findMany', { orderBy: { id: 'asc' }, take: 10 })
const TASKS = wire('Task', 'findMany')
/** What Debezium writes in the place of a uuid that an update did not touch. */
const PLACEHOLDER = 'b68a35a7-17ad-35b3-af2a-ae46edb4545a'

describe('a row that', () => {
  let workspace: Workspace
  let running: RunningEdge
  const streams: TestStream[] = []

  beforeAll(async () => {
    workspace = await createWorkspace(inject('postgresUrl'))
    await seedWorkspace(workspace)
    const [key] = await workspace.sql(`SELECT conname FROM pg_constraint WHERE conrelid = '"Note"'::regclass AND contype = 'p'`)
    await workspace.sql(`ALTER TABLE "Note" DROP CONSTRAINT "${String(key?.['conname'])}", ADD PRIMARY KEY (id) DEFERRABLE`)
    running = await startEdge(workspace)
  })
  afterEach(() => {
    for (const stream of streams.splice(0)) stream.close()
  })
  afterAll(async () => {
    await running.close()
    await workspace.close()
  })

  const open = async (request: Omit<StreamRequest, 'base' | 'queries'> & { queries: ReturnType<typeof wire>[] }): Promise<TestStream> => {
    const stream = await openStream({ base: running.base, ...request })
    streams.push(stream)
    await stream.until(() => request.queries.every(({ q }) => stream.query(q).isReady), 'ready')
    return stream
  }
  const bodies = (stream: TestStream): unknown[] => stream.query(BODIES.q).rows.map(({ row }) => row['body'])

  it('no serializer takes ends the queries that show it, and no others', async () => {
    const [whole, others] = [await open({ user: 'bob', queries: [WHOLE, COUNTED] }), await open({ user: 'bob', queries: [BODIES] })]
    await workspace.db.$transaction(async (tx) => {
      await tx.note.create({ data: { ownerId: 'bob', body: 'odd', data: { constructor: 'Ferrari' } } })
      await tx.note.create({ data: { ownerId: 'bob', body: 'plain' } })
    })
    await others.until(() => bodies(others).join() === 'odd,plain', 'both')
    await whole.until(() => [WHOLE, COUNTED].every(({ q }) => whole.query(q).errors.length > 0), 'the errors')
    expect([WHOLE, COUNTED].map(({ q }) => whole.query(q).errors)).toEqual([['not_live'], ['not_live']])
    await workspace.db.note.create({ data: { ownerId: 'bob', body: 'next' } })
    await others.until(() => bodies(others).join() === 'odd,plain,next', 'the next')
  })

  it('no serializer takes ends the queries that come back to it, too', async () => {
    const changes = wire('Note', CHANGES_SEGMENT, { created: {} })
    const queries = [wire('Note', 'findMany', { where: { rank: 5 } }), changes, wire('Note', 'findMany', { where: { rank: 5 }, take: 5 })]
    const first = await open({ user: 'bob', queries })
    await first.until(() => (first.lastEventId ?? '') !== '', 'a position')
    const { lastEventId = '' } = first
    const going = queries.map((query) => ({ ...query, ticket: first.query(query.q).ticket ?? '' }))
    first.close()
    await workspace.db.note.create({ data: { ownerId: 'bob', body: 'odder', rank: 5, data: { constructor: 'Ferrari' } } })
    await running.caughtUp()
    const second = await openStream({ base: running.base, user: 'bob', queries: going, lastEventId })
    streams.push(second)
    await second.until(() => queries.every(({ q }) => second.query(q).errors.length > 0), 'the errors')
    expect(queries.map(({ q }) => second.query(q).errors)).toEqual(queries.map(() => ['not_live']))
  })

  it('has a key that looks like a placeholder is told as any other, live and later', async () => {
    const { db } = workspace
    const first = await open({ user: 'bob', queries: [TASKS] })
    const ids = (stream: TestStream): unknown[] => stream.query(TASKS.q).rows.map(({ row }) => row['id'])
    await first.until(() => (first.lastEventId ?? '') !== '', 'a position')
    const { lastEventId = '' } = first
    const { ticket = '' } = first.query(TASKS.q)
    await db.task.create({ data: { id: PLACEHOLDER, spaceId: 'garden', title: 'Dig', ownerId: 'bob' } })
    await first.until(() => ids(first).join() === PLACEHOLDER, 'the row')
    await running.caughtUp()
    await running.restart()
    const second = await open({ user: 'bob', queries: [{ ...TASKS, ticket }], lastEventId })
    await second.until(() => ids(second).join() === PLACEHOLDER, 'the row, later')
    await db.task.delete({ where: { id: PLACEHOLDER } })
    await second.until(() => ids(second).length === 0, 'its end')
  })

  it('takes the key of another, which takes its own, is told as such', async () => {
    const { db } = workspace
    await db.note.deleteMany()
    await db.note.createMany({ data: ['a', 'b'].map((body, index) => ({ id: 71 + index, ownerId: 'bob', body })) })
    const stream = await open({ user: 'bob', queries: [BODIES, COUNTED] })
    const shown = (q: (typeof BODIES)['q']): string =>
      stream
        .query(q)
        .rows.map(({ row }) => `${String(row['id'])}${String(row['body'])}`)
        .sort()
        .join()
    expect([BODIES, COUNTED].map(({ q }) => shown(q))).toEqual(['71a,72b', '71a,72b'])
    await db.$transaction(async (tx) => {
      await tx.$executeRaw`SET CONSTRAINTS ALL DEFERRED`
      await tx.$executeRaw`UPDATE "Note" SET id = 143 - id`
    })
    await stream.until(() => [BODIES, COUNTED].every(({ q }) => shown(q) === '71b,72a'), 'both')
  })

  it('holds a text like what stands for one that is not told, is shown with it', async () => {
    const text = '__debezium_unavailable_value'
    const changes = wire('Note', CHANGES_SEGMENT, { created: {} })
    const stream = await open({ user: 'bob', queries: [WHOLE, changes] })
    await workspace.db.note.create({ data: { ownerId: 'bob', body: text } })
    await stream.until(() => stream.query(WHOLE.q).rows.some(({ row }) => row['body'] === text), 'the row')
    await stream.until(() => stream.frames.some((frame) => frame.event === 'changes' && JSON.stringify(frame.changes).includes(text)), 'the change')
  })
})
