import { makeEntryId } from '@zenstack-live/protocol'
import { expect, inject, it } from 'vitest'
import { openStream, wire } from './support/read-stream.ts'
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
  const lsn = newestLsn as Parameters<typeof makeEntryId>[1]
  await running.log.append([{ entries: [{ kind: 'epoch', id: makeEntryId(9, lsn, 0), lsn, epoch: 9, reason: 'the slot was lost' }] }])
  await stream.until(() => budgets().join() === 'null,null', 'the budgets to go')
  expect(stream.frames.filter((frame) => frame.event === 'reset').length).toBeGreaterThanOrEqual(2)
  stream.close()
  await running.close()
  await workspace.close()
})
