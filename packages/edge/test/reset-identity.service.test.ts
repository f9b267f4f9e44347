import { makeEntryId, type Lsn } from '@zenstack-live/protocol'
import { expect, inject, it } from 'vitest'
import { openStream, wire, type TestStream } from './support/read-stream.ts'
import { startEdge } from './support/start-edge.ts'
import { createWorkspace, seedWorkspace } from './support/workspace.ts'

const TASKS = wire('Task', 'findMany')
const WINDOW = wire('Task', 'findMany', { take: 10 })

it('who somebody is is asked again where the log lost continuity: what made them another may be missing', async () => {
  const workspace = await createWorkspace(inject('postgresUrl'))
  await seedWorkspace(workspace)
  await workspace.db.task.create({ data: { id: 't1', spaceId: 'garden', title: 'Dig', ownerId: 'ann', budget: 4711 } })
  let role: 'MEMBER' | 'MANAGER' = 'MANAGER'
  const running = await startEdge(workspace, { getClient: () => workspace.as({ id: 'bob', role }), limits: { identityMaxAgeMs: 600_000 } })
  const stream = await openStream({ base: running.base, queries: [TASKS, WINDOW] })
  const budgets = (): unknown[] => [TASKS, WINDOW].map(({ q }) => String(stream.query(q).rows[0]?.row['budget']))
  await stream.until(() => budgets().join() === '4711,4711', 'the budgets')
  role = 'MEMBER'
  const { newestLsn = 0n } = await running.log.state()
  // Beyond whatever Postgres writes by itself meanwhile: the capture has no part in this epoch, and would not come there.
  const lsn = ((newestLsn as bigint) + 2n ** 24n) as Lsn
  await running.log.append([{ entries: [{ kind: 'epoch', id: makeEntryId(9, lsn, 0), lsn, epoch: 9, reason: 'the slot was lost' }] }])
  await stream.until(() => budgets().join() === 'null,null', 'the budgets to go')
  expect(stream.frames.filter((frame) => frame.event === 'reset').length).toBeGreaterThanOrEqual(2)
  stream.close()
  await running.close()
  await workspace.close()
})

it('nobody waits for the database to show what a restore has undone', async () => {
  const workspace = await createWorkspace(inject('postgresUrl'))
  await seedWorkspace(workspace)
  await workspace.db.task.create({ data: { id: 't1', spaceId: 'garden', title: 'Dig', ownerId: 'ann' } })
  const running = await startEdge(workspace)
  const titles = (stream: TestStream): unknown[] => [TASKS, WINDOW].map(({ q }) => stream.query(q).rows[0]?.row['title'])
  const stream = await openStream({ base: running.base, user: 'bob', queries: [TASKS, WINDOW] })
  await stream.until(() => titles(stream).join() === 'Dig,Dig', 'the titles')
  await running.loseSlot(async () => {
    const { epoch, newestLsn = 0n } = await running.log.state()
    const lsn = ((newestLsn as bigint) + 1n) as Lsn
    const [row] = await workspace.sql('SELECT pg_current_xact_id()::text AS xid')
    const place = { id: makeEntryId(epoch, lsn, 0), lsn, xid: Number(row?.['xid']) + 100_000 }
    await running.log.append([{ entries: [{ kind: 'bulk', ...place, isLastOfTransaction: true, tables: ['public.User'] }] }])
    await expect.poll(() => running.edge.metrics().identityChecks, { timeout: 60_000 }).toBeGreaterThan(0)
  })
  await workspace.db.task.update({ where: { id: 't1' }, data: { title: 'Water' } })
  const newcomer = await openStream({ base: running.base, user: 'bob', queries: [TASKS, WINDOW] })
  for (const one of [stream, newcomer]) {
    await one.until(() => titles(one).join() === 'Water,Water', 'the titles')
    one.close()
  }
  await running.close()
  await workspace.close()
})
