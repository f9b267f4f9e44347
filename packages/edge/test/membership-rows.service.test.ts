import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { openStream, wire, type TestStream } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'
import { createWorkspace, seedWorkspace, type Workspace } from './support/workspace.ts'

const TASKS = wire('Task', 'findMany', { orderBy: { id: 'asc' } })
const ATTIC = { spaceId: 'attic', userId: 'bob' }

describe('somebody who belongs to as many spaces as memory holds', () => {
  let workspace: Workspace
  let running: RunningEdge
  let stream: TestStream

  beforeAll(async () => {
    workspace = await createWorkspace(inject('postgresUrl'))
    await seedWorkspace(workspace)
    await workspace.db.space.create({ data: { id: 'attic', name: 'Attic' } })
    await workspace.db.member.create({ data: { spaceId: 'roof', userId: 'bob' } })
    const tasks = ['garden', 'roof', 'attic'].map((spaceId) => ({ id: spaceId, spaceId, ownerId: 'ann', title: 'new' }))
    await workspace.db.task.createMany({ data: tasks })
    running = await startEdge(workspace, { limits: { maxMembershipRows: 2 } })
  })
  afterEach(() => stream.close())
  afterAll(async () => {
    await running.close()
    await workspace.close()
  })

  const questions = (): number => running.edge.metrics().databaseQueries
  const open = async (): Promise<void> => {
    stream = await openStream({ base: running.base, user: 'bob', queries: [TASKS] })
    await stream.until(() => stream.query(TASKS.q).isReady, 'ready', 30_000)
  }
  const shows = async (...titles: string[]): Promise<void> => {
    const held = (): string =>
      stream
        .query(TASKS.q)
        .rows.map(({ row }) => `${String(row['id'])} ${String(row['title'])}`)
        .join(', ')
    await stream.until(() => held() === titles.join(', '), `${titles.join(', ')} instead of ${held()}`, 30_000)
  }
  const rename = (id: string, title: string): Promise<unknown> => workspace.db.task.update({ where: { id }, data: { title } })

  it('is decided for in memory', async () => {
    await open()
    const asked = questions()
    await rename('garden', 'dug')
    await shows('garden dug', 'roof new')
    expect(questions()).toBe(asked)
  })

  it('and with one more by the database, until it is one less again', async () => {
    await open()
    await workspace.db.member.create({ data: ATTIC })
    await shows('attic new', 'garden dug', 'roof new')
    const asked = questions()
    await rename('attic', 'swept')
    await shows('attic swept', 'garden dug', 'roof new')
    expect(questions()).toBeGreaterThan(asked)
    await workspace.db.member.delete({ where: { spaceId_userId: ATTIC } })
    await shows('garden dug', 'roof new')
    await running.caughtUp()
    const askedAfter = questions()
    await rename('roof', 'tiled')
    await shows('garden dug', 'roof tiled')
    expect(questions()).toBe(askedAfter)
  })

  it('also where it began with one more', async () => {
    await workspace.db.member.create({ data: ATTIC })
    await open()
    await shows('attic swept', 'garden dug', 'roof tiled')
    await rename('attic', 'painted')
    await shows('attic painted', 'garden dug', 'roof tiled')
    await workspace.db.task.delete({ where: { id: 'attic' } })
    await shows('garden dug', 'roof tiled')
  })
})
