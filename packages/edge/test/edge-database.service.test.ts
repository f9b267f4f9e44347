import { LIMITS } from '@zenstack-live/protocol'
import { schema } from '@zenstack-live/testing/workspace'
import { expect, inject, it } from 'vitest'
import { createEdgeDatabase } from '../src/database/edge-database.ts'
import { createWorkspace, seedWorkspace } from './support/workspace.ts'

// How far an edge reads back when it begins: a transaction that somebody forgot would make that the whole log.
it('finds no stalled commit in a transaction that stands open', async () => {
  const workspace = await createWorkspace(inject('postgresUrl'))
  await seedWorkspace(workspace)
  const database = createEdgeDatabase({ url: workspace.url, schema, limits: LIMITS })
  await workspace.db.$transaction(async (tx) => {
    await tx.note.create({ data: { id: 1, ownerId: 'bob', body: 'b' } })
    expect(await database.oldestStalledCommitMs()).toBe(0)
  })
  await database.close()
  await workspace.close()
})
