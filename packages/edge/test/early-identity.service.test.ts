import type { LiveClient } from '@zenstack-live/edge'
import { CHANGES_SEGMENT } from '@zenstack-live/protocol'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { openStream, wire, type TestStream } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'
import { createWorkspace, seedWorkspace, type Workspace } from './support/workspace.ts'

const CHANGES = wire('Note', CHANGES_SEGMENT)

/** The application knows of a role at once; the log tells of it later, behind what was written before. */
describe('somebody whose new role the log has yet to tell of', () => {
  let workspace: Workspace
  let running: RunningEdge
  let isLogFree: Promise<void> = Promise.resolve()
  let letLogGo = (): void => {}
  let asked = 0
  const streams: TestStream[] = []

  beforeAll(async () => {
    workspace = await createWorkspace(inject('postgresUrl'))
    await seedWorkspace(workspace)
    const getClient = async (): Promise<LiveClient> => {
      const { id, role } = await workspace.db.user.findUniqueOrThrow({ where: { id: 'bob' } })
      asked++
      return workspace.as({ id, role })
    }
    running = await startEdge(workspace, { getClient, holdLog: () => isLogFree })
  })
  afterEach(async () => {
    letLogGo()
    for (const stream of streams.splice(0)) stream.close()
    await workspace.db.note.deleteMany()
    await workspace.db.user.update({ where: { id: 'bob' }, data: { role: 'MEMBER' } })
    await running.caughtUp()
    // It remembers nothing of bob.
    await running.restart()
  })
  afterAll(async () => {
    await running.close()
    await workspace.close()
  })

  const opened = async (): Promise<TestStream> => {
    const stream = await openStream({ base: running.base, queries: [CHANGES] })
    streams.push(stream)
    return stream
  }
  /** A secret from members, twice; then the member becomes a manager. */
  const writeAndPromote = async (): Promise<void> => {
    await running.caughtUp()
    isLogFree = new Promise((resolve) => (letLogGo = resolve))
    await workspace.db.note.create({ data: { id: 1, ownerId: 'ann', isPublic: true, body: 'b', secret: 'before the role' } })
    await workspace.db.note.update({ where: { id: 1 }, data: { secret: 'with the role' } })
    await workspace.db.user.update({ where: { id: 'bob' }, data: { role: 'MANAGER' } })
  }
  const endOf = async (stream: TestStream): Promise<string> => {
    await workspace.db.note.create({ data: { id: 2, ownerId: 'bob', body: 'the end' } })
    await stream.until(() => stream.text.includes('the end'), 'the end')
    return stream.text
  }

  it('is not shown what was written before it, who comes just then', async () => {
    await writeAndPromote()
    const before = asked
    const opening = opened()
    await expect.poll(() => asked, { timeout: 30_000 }).toBeGreaterThan(before)
    await workspace.sql('SELECT pg_sleep(0.3)')
    letLogGo()
    expect(await endOf(await opening)).not.toContain('before the role')
  })

  it('is not shown what was written before it, whose stream is asked about just then', async () => {
    const stream = await opened()
    await stream.until(() => stream.query(CHANGES.q).isReady, 'ready')
    await writeAndPromote()
    const before = asked
    running.edge.refreshIdentity('bob')
    await expect.poll(() => asked, { timeout: 30_000 }).toBeGreaterThan(before)
    await workspace.sql('SELECT pg_sleep(0.3)')
    letLogGo()
    await stream.until(() => stream.frames.filter(({ event }) => event === 'ready').length > 1, 'to go on as a manager')
    expect(await endOf(stream)).not.toContain('before the role')
  })
})
