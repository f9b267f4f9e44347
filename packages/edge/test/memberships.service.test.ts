import { CHANGES_SEGMENT, queryId, type WireQuery } from '@zenstack-live/protocol'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { openGet, openStream, wire, type TestStream } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'
import { createWorkspace, seedWorkspace, type Workspace } from './support/workspace.ts'

const TASKS = wire('Task', 'findMany', { orderBy: { id: 'asc' } })
const CHANGES: WireQuery = { model: 'Task', operation: CHANGES_SEGMENT }

describe('somebody with more memberships than memory holds', () => {
  let workspace: Workspace
  let running: RunningEdge
  const streams: TestStream[] = []

  beforeAll(async () => {
    workspace = await createWorkspace(inject('postgresUrl'))
    await seedWorkspace(workspace)
    await workspace.db.space.create({ data: { id: 'yard', name: 'Yard' } })
    await workspace.db.task.createMany({
      data: ['garden', 'roof', 'yard'].map((spaceId) => ({ id: spaceId, spaceId, title: spaceId, ownerId: 'ann' })),
    })
    running = await startEdge(workspace, { limits: { maxMemberships: 2 } })
  })
  afterEach(() => {
    for (const stream of streams.splice(0)) stream.close()
  })
  afterAll(async () => {
    await running.close()
    await workspace.close()
  })

  const open = async (user: string, ...queries: WireQuery[]): Promise<TestStream> => {
    const stream = await openStream({ base: running.base, user, queries })
    streams.push(stream)
    return stream
  }
  const titles = (stream: TestStream): unknown[] => stream.query(TASKS.q).rows.map(({ row }) => row['title'])
  const shows = (stream: TestStream, expected: string[]): Promise<void> =>
    stream.until(
      () => stream.query(TASKS.q).isReady && titles(stream).join() === expected.join(),
      `${expected.join()} instead of ${titles(stream).join()}`,
    )
  const join = (userId: string, spaceId: string): Promise<unknown> => workspace.db.member.create({ data: { spaceId, userId } })

  it('is shown by the database what the others are shown by memory', async () => {
    await join('cay', 'garden')
    const stream = await open('cay', TASKS)
    await shows(stream, ['garden'])
    expect(stream.query(TASKS.q).engine).toBe('incremental')
    await join('cay', 'roof')
    await shows(stream, ['garden', 'roof'])
    expect(stream.query(TASKS.q).engine).toBe('incremental')
    await join('cay', 'yard')
    await shows(stream, ['garden', 'roof', 'yard'])
    expect([stream.query(TASKS.q).engine, stream.query(TASKS.q).errors]).toEqual(['requery', []])
    await workspace.db.member.delete({ where: { spaceId_userId: { spaceId: 'garden', userId: 'cay' } } })
    await shows(stream, ['roof', 'yard'])
    await workspace.db.task.update({ where: { id: 'roof' }, data: { title: 'terrace' } })
    await shows(stream, ['terrace', 'yard'])
  })

  it('goes on from a position as the others do', async () => {
    const { id } = await workspace.db.user.create({ data: { id: 'dan', name: 'Dan' } })
    for (const spaceId of ['garden', 'yard']) await join(id, spaceId)
    const first = await open(id, TASKS)
    await shows(first, ['garden', 'yard'])
    await first.until(() => (first.lastEventId ?? '') !== '', 'a position')
    const { ticket } = first.query(TASKS.q)
    first.close()
    await join(id, 'roof')
    await running.caughtUp()
    await running.restart()
    const resumed = { base: running.base, user: id, queries: [{ ...TASKS, ...(ticket === undefined ? {} : { ticket }) }] }
    const second = await openStream({ ...resumed, ...(first.lastEventId === undefined ? {} : { lastEventId: first.lastEventId }) })
    streams.push(second)
    await shows(second, ['garden', 'terrace', 'yard'])
    expect(second.query(TASKS.q).engine).toBe('requery')
  })

  it('begins anew, by `POST` and by `GET`, where memory goes on with what the database placed', async () => {
    const { id } = await workspace.db.user.create({ data: { id: 'eve', name: 'Eve' } })
    for (const spaceId of ['garden', 'roof', 'yard']) await join(id, spaceId)
    const request = { user: id, path: 'task/findMany', q: TASKS.args }
    const before = [await open(id, TASKS), await openGet({ base: running.base, ...request })]
    streams.push(...before)
    for (const stream of before) await shows(stream, ['garden', 'terrace', 'yard'])
    await workspace.db.member.delete({ where: { spaceId_userId: { spaceId: 'yard', userId: id } } })
    for (const stream of before) await shows(stream, ['garden', 'terrace'])
    await workspace.db.task.update({ where: { id: 'garden' }, data: { title: 'meadow' } })
    for (const stream of before) await shows(stream, ['meadow', 'terrace'])
    expect(before.map((stream) => stream.query(TASKS.q).engine)).toEqual(['requery', 'requery'])
    const left = before.map((stream) => ({ lastEventId: stream.lastEventId ?? '', held: new Map([[TASKS.q, stream.query(TASKS.q)]]) }))
    const ticket = before[0]?.query(TASKS.q).ticket ?? ''
    for (const stream of before) stream.close()
    await running.restart()
    const [byPost, byGet] = left
    const after = [
      await openStream({ base: running.base, user: id, queries: [{ ...TASKS, ticket }], ...byPost }),
      await openGet({ base: running.base, ...request, ...byGet }),
    ]
    streams.push(...after)
    for (const stream of after) await stream.until(() => stream.frames.some(({ event }) => event === 'ready'), 'ready')
    await workspace.db.task.create({ data: { id: 'attic', spaceId: 'garden', title: 'attic', ownerId: 'ann' } })
    for (const stream of after) {
      await shows(stream, ['attic', 'meadow', 'terrace'])
      expect(stream.frames.map(({ event }) => event)).toEqual(['reset', 'snapshot', 'ready', 'change'])
      expect(stream.query(TASKS.q).engine).toBe('incremental')
    }
    await workspace.db.task.delete({ where: { id: 'attic' } })
    await workspace.db.task.update({ where: { id: 'garden' }, data: { title: 'garden' } })
  })

  it('is told no deletions', async () => {
    const stream = await open('ann', CHANGES)
    await shows(await open('ann', TASKS), ['garden', 'terrace', 'yard'])
    const q = queryId(CHANGES)
    await stream.until(() => stream.query(q).isReady, 'ready')
    await join('ann', 'yard')
    await stream.until(() => stream.query(q).errors.length > 0, 'the error')
    expect(stream.query(q).errors).toEqual(['not_live'])
  })
})
