import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { openStream, wire, type TestStream } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'
import { createWorkspace, seedWorkspace, type Workspace } from './support/workspace.ts'

const QUERIES = 60

describe('somebody with many queries who loses a membership', () => {
  let workspace: Workspace
  let running: RunningEdge
  let stream: TestStream

  const queries = Array.from({ length: QUERIES }, (_, index) =>
    wire('Task', 'findMany', { where: { spaceId: 'garden', priority: { lt: index + 1 } }, orderBy: { title: 'asc' } }),
  )
  const titles = ({ q }: (typeof queries)[number]): string =>
    stream
      .query(q)
      .rows.map(({ row }) => String(row['title']))
      .join()
  const allShow = (...expected: string[]): Promise<void> =>
    stream.until(() => queries.every((query) => titles(query) === expected.join()), `${expected.join()} in every query`, 30_000)
  const questionsDuring = async (run: () => Promise<void>): Promise<number> => {
    const before = running.edge.metrics().databaseQueries
    await run()
    return running.edge.metrics().databaseQueries - before
  }
  const leave = async (): Promise<void> => {
    await workspace.db.member.delete({ where: { spaceId_userId: { spaceId: 'garden', userId: 'cay' } } })
  }

  beforeAll(async () => {
    workspace = await createWorkspace(inject('postgresUrl'))
    await seedWorkspace(workspace)
    running = await startEdge(workspace)
  })
  beforeEach(async () => {
    await workspace.sql('DELETE FROM "Task"')
    await workspace.db.member.upsert({
      where: { spaceId_userId: { spaceId: 'garden', userId: 'cay' } },
      create: { spaceId: 'garden', userId: 'cay' },
      update: {},
    })
    await workspace.db.task.create({ data: { id: 'dig', spaceId: 'garden', title: 'Dig', ownerId: 'ann' } })
    stream = await openStream({ base: running.base, user: 'cay', queries })
    await allShow('Dig')
  })
  afterEach(() => stream.close())
  afterAll(async () => {
    await running.close()
    await workspace.close()
  })

  it('sees nothing more, after one question for all of them', async () => {
    const questions = await questionsDuring(async () => {
      await leave()
      await allShow()
    })
    // Asked again only while the database does not show the commit yet.
    expect(questions).toBeLessThan(QUERIES / 2)
    await workspace.db.task.create({ data: { id: 'after', spaceId: 'garden', title: 'After', ownerId: 'ann' } })
    await workspace.db.member.create({ data: { spaceId: 'garden', userId: 'cay' } })
    await allShow('After', 'Dig')
  })

  it('keeps what another rule lets through, for which each is asked', async () => {
    await workspace.db.task.create({ data: { id: 'own', spaceId: 'garden', title: 'Own', ownerId: 'cay' } })
    await allShow('Dig', 'Own')
    const questions = await questionsDuring(async () => {
      await leave()
      await allShow('Own')
    })
    expect(questions).toBeGreaterThan(QUERIES)
    await workspace.db.task.update({ where: { id: 'own' }, data: { title: 'Mine' } })
    await allShow('Mine')
  })

  it('sees nothing more also where its client cannot ask for so little', async () => {
    const options = { ...workspace.as(undefined).$options, slicing: { models: { task: { excludedOperations: ['exists' as const] } } } }
    const sliced = new ZenStackClient(schema, options).$setAuth({ id: 'cay', role: 'MEMBER' })
    expect(Reflect.get(sliced.task, 'exists')).toBeUndefined()
    const other = await startEdge(workspace, { getClient: () => sliced })
    stream.close()
    stream = await openStream({ base: other.base, queries: queries.slice(0, 2) })
    const shows = (expected: string): Promise<void> =>
      stream.until(() => queries.slice(0, 2).every((query) => stream.query(query.q).isReady && titles(query) === expected), expected, 30_000)
    await shows('Dig')
    await leave()
    await shows('')
    stream.close()
    await other.close()
  })

  it('follows what comes by another rule after it saw nothing', async () => {
    await leave()
    await allShow()
    await workspace.db.task.create({ data: { id: 'own', spaceId: 'garden', title: 'Own', ownerId: 'cay' } })
    await workspace.db.task.create({ data: { id: 'foreign', spaceId: 'garden', title: 'Foreign', ownerId: 'ann' } })
    await allShow('Own')
    expect(stream.text).not.toContain('Foreign')
  })
})
