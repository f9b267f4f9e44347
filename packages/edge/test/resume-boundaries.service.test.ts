import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { heldAfter, openGet, openStream, wire, type HeldQuery, type TestStream } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'
import { createWorkspace, seedWorkspace, type Workspace } from './support/workspace.ts'

// Decided in memory; asked again (a window, a value).
const NOTES = wire('Note', 'findMany', { where: { rank: { gte: 0 } }, orderBy: { id: 'asc' } })
const WINDOW = wire('Note', 'findMany', { orderBy: { id: 'asc' }, take: 3 })
const COUNT = wire('Note', 'count')
const QUERIES = [NOTES, WINDOW, COUNT]

describe('a recorded stream', () => {
  let workspace: Workspace
  let running: RunningEdge

  beforeAll(async () => {
    workspace = await createWorkspace(inject('postgresUrl'))
    await seedWorkspace(workspace)
    running = await startEdge(workspace, { limits: { requeryTrailingMs: 1 } })
  })
  afterAll(async () => {
    await running.close()
    await workspace.close()
  })

  /** Rows come, change, move out and in again, and go; others' rows do too. */
  const write = async (): Promise<void> => {
    const { db } = workspace
    const writes: (() => Promise<unknown>)[] = [
      ...[1, 2, 3, 4].map((id) => () => db.note.create({ data: { id, ownerId: 'bob', body: `note ${id}`, rank: id } })),
      () => db.note.create({ data: { id: 9, ownerId: 'cay', body: 'not for bob' } }),
      () => db.note.update({ where: { id: 1 }, data: { body: 'changed' } }),
      () => db.note.update({ where: { id: 2 }, data: { rank: -1 } }),
      () => db.note.update({ where: { id: 2 }, data: { rank: 7, body: 'back' } }),
      () =>
        db.$transaction(async (tx) => {
          await tx.note.delete({ where: { id: 3 } })
          await tx.note.update({ where: { id: 4 }, data: { id: 5 } })
        }),
      () => db.note.create({ data: { id: 6, ownerId: 'bob', body: 'the last' } }),
    ]
    for (const one of writes) {
      await one()
      // What comes into the log together may be told together: there would be few frames.
      await running.caughtUp()
    }
  }
  const shownBy = (query: (q: typeof NOTES.q) => HeldQuery): string =>
    JSON.stringify(QUERIES.map(({ q }) => [query(q).rows.map(({ row }) => [row['id'], row['body'], row['rank']]), query(q).value]))
  const boundaries = (text: string): number[] => [...text.matchAll(/\n\n/g)].map((match) => match.index + 2)

  it('is resumed at every boundary of a frame, and shows the same in the end', async () => {
    const request = { base: running.base, user: 'bob' }
    const first = await openStream({ ...request, queries: QUERIES })
    const single = await openGet({ ...request, path: 'note/findMany', q: NOTES.args })
    await first.until(() => QUERIES.every(({ q }) => first.query(q).isReady), 'ready')
    await single.until(() => single.query(NOTES.q).isReady, 'ready')
    await write()
    const isDone = (stream: TestStream): boolean => stream.query(NOTES.q).rows.at(-1)?.row['body'] === 'the last'
    await first.until(() => isDone(first) && first.query(COUNT.q).value === 4 && first.query(WINDOW.q).rows.at(-1)?.row['id'] === 5, 'the last')
    await single.until(() => isDone(single), 'the last')
    first.close()
    single.close()
    const expected = shownBy((q) => first.query(q))
    const cuts = [0, ...boundaries(first.text)]
    expect(cuts.length).toBeGreaterThan(25)
    for (const cut of cuts) {
      const { held, lastEventId } = heldAfter(first.text.slice(0, cut))
      const queries = QUERIES.map((query) => ({ ...query, ...ticketOf(held.get(query.q)) }))
      const stream = await openStream({ ...request, queries, held, ...(lastEventId === undefined ? {} : { lastEventId }) })
      await stream.until(() => shownBy((q) => stream.query(q)) === expected, `the same after ${cut} characters`)
      stream.close()
    }
    for (const cut of [0, ...boundaries(single.text)]) {
      const { held, lastEventId } = heldAfter(single.text.slice(0, cut))
      const resumed = { ...request, path: 'note/findMany', q: NOTES.args, held, ...(lastEventId === undefined ? {} : { lastEventId }) }
      const stream = await openGet(resumed)
      const rows = (of: TestStream): string => JSON.stringify(of.query(NOTES.q).rows.map(({ row }) => [row['id'], row['body']]))
      await stream.until(() => rows(stream) === rows(single), `the same after ${cut} characters`)
      stream.close()
    }
  })
})

function ticketOf(held: HeldQuery | undefined): { ticket?: string } {
  return held?.ticket === undefined ? {} : { ticket: held.ticket }
}
