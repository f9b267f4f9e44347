import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { openGet, openStream, wire } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'
import { createWorkspace, seedWorkspace, type Workspace } from './support/workspace.ts'

describe.each(['embedded', 'redis'] as const)('a commit reaches a stream, with the %s log', (kind) => {
  let workspace: Workspace
  let running: RunningEdge

  beforeAll(async () => {
    workspace = await createWorkspace(inject('postgresUrl'))
    await seedWorkspace(workspace)
    running = await startEdge(workspace, kind === 'redis' ? { redisUrl: inject('redisUrl') } : {})
  })

  afterAll(async () => {
    await running.close()
    await workspace.close()
  })

  it('by POST, with many queries', async () => {
    const notes = wire('Note', 'findMany', { orderBy: { body: 'asc' } })
    const count = wire('Note', 'count')
    await workspace.db.note.create({ data: { ownerId: 'bob', body: 'a first', secret: 'hush' } })
    const stream = await openStream({ base: running.base, user: 'bob', queries: [notes, count] })
    await stream.until(() => stream.query(notes.q).isReady && stream.query(count.q).isReady, 'both to be ready')
    expect(stream.query(notes.q).rows.map(({ row }) => row['body'])).toEqual(['a first'])
    await workspace.sql(`INSERT INTO "Note" ("ownerId", body, "isPublic", rank, size, at) VALUES ('cay', 'b public', true, 0, 0, now())`)
    await workspace.sql(`INSERT INTO "Note" ("ownerId", body, "isPublic", rank, size, at) VALUES ('cay', 'c private', false, 0, 0, now())`)
    await stream.until(() => stream.query(notes.q).rows.length === 2, 'the public note')
    await stream.until(() => stream.query(count.q).value === 2, 'the count')
    expect(stream.text).not.toContain('private')
    await workspace.sql(`DELETE FROM "Note"`)
    await stream.until(() => stream.query(notes.q).rows.length === 0, 'all to leave')
    await stream.until(() => stream.lastEventId !== undefined && stream.lastEventId !== '', 'an id')
    stream.close()
  })

  it('by GET, with the headers of a stream', async () => {
    const query = wire('Task', 'findMany', { where: { spaceId: 'garden' } })
    const stream = await openGet({ base: running.base, user: 'bob', path: 'task/findMany', q: query.args })
    expect(stream.headers.get('content-type')).toContain('text/event-stream')
    await stream.until(() => stream.query(query.q).isReady, 'ready')
    await workspace.db.task.create({ data: { id: 't1', spaceId: 'garden', title: 'Dig', ownerId: 'ann', budget: 12 } })
    await stream.until(() => stream.query(query.q).rows.length === 1, 'the task')
    expect(stream.query(query.q).rows[0]?.row).toMatchObject({ id: 't1', budget: null })
    stream.close()
  })
})
