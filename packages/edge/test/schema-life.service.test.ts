import { setUpCapture } from '@zenstack-live/cdc'
import { ERROR_CODES } from '@zenstack-live/protocol'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { openStream, wire, type TestStream } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'
import { createWorkspace, seedWorkspace, type Workspace } from './support/workspace.ts'

// Decided in memory; asked again (a window is).
const NOTES = wire('Note', 'findMany', { orderBy: { id: 'asc' } })
const WINDOW = wire('Note', 'findMany', { orderBy: { id: 'asc' }, take: 100 })

it('serves a table that was set up after the edge was opened, of which nothing in the log tells', async () => {
  const workspace = await createWorkspace(inject('postgresUrl'))
  await seedWorkspace(workspace)
  const names = ['User', 'Space', 'Member', 'Task', 'Note']
  const running = await startEdge(workspace, { tables: names })
  const status = async (): Promise<number> => (await fetch(`${running.base}/comment/findMany`, { headers: { 'x-user': 'bob' } })).status
  expect(await status()).toBe(ERROR_CODES.table_refused.status)
  const { publication } = running
  const tables = [...names, 'Comment'].map((name) => ({ schema: 'public', name }))
  await setUpCapture({ url: workspace.url, tables, slot: publication, publication })
  await expect.poll(status, { timeout: 30_000 }).toBe(200)
  await running.close()
  await workspace.close()
})

describe('an edge whose tables change', () => {
  let workspace: Workspace
  let running: RunningEdge
  const streams: TestStream[] = []

  beforeAll(async () => {
    workspace = await createWorkspace(inject('postgresUrl'))
    await seedWorkspace(workspace)
    running = await startEdge(workspace, { reconcileIntervalMs: 500 })
  })
  afterEach(() => {
    for (const stream of streams.splice(0)) stream.close()
  })
  afterAll(async () => {
    await running.close()
    await workspace.close()
  })

  const opened = async (options: { lastEventId?: string; ticket?: string } = {}): Promise<TestStream> => {
    const { ticket, ...rest } = options
    const queries = [{ ...NOTES, ...(ticket === undefined ? {} : { ticket }) }, WINDOW]
    const stream = await openStream({ base: running.base, user: 'bob', queries, ...rest })
    streams.push(stream)
    await stream.until(() => stream.query(NOTES.q).isReady && stream.query(WINDOW.q).isReady, 'ready')
    return stream
  }
  const isRenewed = async (times: number): Promise<void> => {
    await expect.poll(() => running.edge.metrics().schemaRenewals, { timeout: 30_000 }).toBe(times)
  }
  const ranks = (stream: TestStream, query = NOTES): unknown[] => stream.query(query.q).rows.map(({ row }) => row['rank'])

  it('sends its readers away, and serves them from the tables as they are now', async () => {
    const first = await opened()
    await workspace.db.note.create({ data: { id: 1, ownerId: 'bob', body: 'b', rank: 1 } })
    await first.until(() => ranks(first).length === 1 && ranks(first, WINDOW).length === 1, 'the note')
    await first.until(() => (first.lastEventId ?? '') !== '', 'an id')
    await workspace.sql('ALTER TABLE "Note" ALTER COLUMN rank TYPE smallint')
    await workspace.db.note.update({ where: { id: 1 }, data: { rank: 2 } })
    await first.until(() => first.isEnded, 'the end')
    await isRenewed(1)
    // What it held was of another table.
    const ticket = first.query(NOTES.q).ticket ?? ''
    const second = await opened({ lastEventId: first.lastEventId ?? '', ticket })
    expect(second.frames.filter(({ event }) => event === 'reset')).toHaveLength(1)
    await workspace.db.note.update({ where: { id: 1 }, data: { rank: 3 } })
    await second.until(() => [ranks(second), ranks(second, WINDOW)].every(([rank]) => rank === 3), 'the next rank')
    expect(second.query(NOTES.q).engine).toBe('incremental')
  })

  it('refuses a table from the moment on when its changes no longer tell enough, until they do', async () => {
    const stream = await opened()
    const renewals = running.edge.metrics().schemaRenewals
    await workspace.sql('ALTER TABLE "Note" REPLICA IDENTITY DEFAULT')
    await workspace.db.note.update({ where: { id: 1 }, data: { rank: 4 } })
    await stream.until(() => stream.isEnded, 'the end')
    await isRenewed(renewals + 1)
    const refused = await fetch(`${running.base}/note/findMany`, { headers: { accept: 'text/event-stream' } })
    expect(refused.status).toBe(ERROR_CODES.table_refused.status)
    await workspace.sql('ALTER TABLE "Note" REPLICA IDENTITY FULL')
    await workspace.sql('UPDATE "Note" SET rank = 5')
    await isRenewed(renewals + 2)
    const next = await opened()
    await workspace.db.note.update({ where: { id: 1 }, data: { rank: 6 } })
    await next.until(() => [ranks(next), ranks(next, WINDOW)].every(([rank]) => rank === 6), 'the next rank')
  })

  it('refuses a table from the moment on when the publication leaves it out, until it is whole again', async () => {
    const publication = `ALTER PUBLICATION "${running.publication}"`
    for (const change of ['DROP TABLE "Note"', `SET (publish = 'insert')`]) {
      const stream = await opened()
      const renewals = running.edge.metrics().schemaRenewals
      await workspace.sql(`${publication} ${change}`)
      // No change of the table would tell: the capture looks at the catalog from time to time.
      await stream.until(() => stream.isEnded, 'the end')
      await isRenewed(renewals + 1)
      const refused = await fetch(`${running.base}/note/findMany`, { headers: { accept: 'text/event-stream' } })
      expect([change, refused.status]).toEqual([change, ERROR_CODES.table_refused.status])
      await workspace.sql(
        change.startsWith('DROP') ? `${publication} ADD TABLE "Note"` : `${publication} SET (publish = 'insert, update, delete, truncate')`,
      )
      await isRenewed(renewals + 2)
    }
    const next = await opened()
    await workspace.db.note.update({ where: { id: 1 }, data: { rank: 8 } })
    await next.until(() => [ranks(next), ranks(next, WINDOW)].every(([rank]) => rank === 8), 'the next rank')
  })

  it('does not mind what it does not know', async () => {
    const stream = await opened()
    const renewals = running.edge.metrics().schemaRenewals
    // A mark that says nothing new, as a publication that is set up again makes.
    await workspace.sql('CREATE TABLE other (id int PRIMARY KEY)')
    await workspace.sql('ALTER TABLE "Note" REPLICA IDENTITY FULL')
    await workspace.db.note.update({ where: { id: 1 }, data: { rank: 7 } })
    await stream.until(() => ranks(stream)[0] === 7, 'the next rank')
    expect(running.edge.metrics().schemaRenewals).toBe(renewals)
  })

  it('sends an EventSource away while the tables cannot be read again, and can be drained then', async () => {
    await running.restart({ limits: { databaseTimeoutMs: 4_000 } })
    const stream = await opened()
    const away = vi.spyOn(running.log, 'state').mockRejectedValue(new Error('away'))
    await workspace.sql('ALTER TABLE "Note" ALTER COLUMN rank TYPE int')
    await workspace.db.note.create({ data: { id: 8, ownerId: 'bob', body: 'of another table', rank: 8 } })
    await stream.until(() => stream.isEnded, 'the end')
    const ask = (accept: string): Promise<Response> => fetch(`${running.base}/note/findMany`, { headers: { accept, 'x-user': 'bob' } })
    expect((await ask('application/json')).status).toBe(ERROR_CODES.database_unavailable.status)
    const sent = await ask('text/event-stream')
    expect([sent.status, await sent.text()]).toEqual([200, expect.stringMatching(/^retry: \d+\n\nevent: bye/)])
    await running.edge.drain()
    away.mockRestore()
    await running.restart()
    const next = await opened()
    expect(ranks(next)).toContain(8)
  })

  it('notices what changed while the slot was lost, of which only the new epoch tells', async () => {
    const stream = await opened()
    const renewals = running.edge.metrics().schemaRenewals
    await running.loseSlot(() => workspace.sql('ALTER TABLE "Note" ALTER COLUMN at TYPE timestamp(6)'))
    await stream.until(() => stream.isEnded, 'the end')
    await isRenewed(renewals + 1)
    const next = await opened()
    const at = new Date('2026-03-04T05:06:07.089Z')
    await workspace.db.note.create({ data: { id: 9, ownerId: 'bob', body: 'b', rank: 9, at } })
    await next.until(() => ranks(next).includes(9), 'the next note')
    expect(next.query(NOTES.q).rows.at(-1)?.row['at']).toEqual(at)
    expect(next.query(NOTES.q).engine).toBe('incremental')
  })
})
