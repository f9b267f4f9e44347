import { deserialize } from '@zenstackhq/client-helpers/fetch'
import { CHANGES_SEGMENT, ERROR_CODES, queryId, type ErrorCode, type QueryId, type RowChange, type WireQuery } from '@zenstack-live/protocol'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { openGet, openStream, type TestStream } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'
import { createWorkspace, seedWorkspace, type Workspace } from './support/workspace.ts'

const changes = (model: string, args?: unknown): WireQuery & { q: QueryId } => {
  const query: WireQuery = { model, operation: CHANGES_SEGMENT, ...(args === undefined ? {} : { args }) }
  return { ...query, q: queryId(query) }
}

/** What was told, in order. */
const told = (stream: TestStream, q: QueryId): RowChange[] =>
  stream.frames.flatMap((frame) => (frame.event === 'changes' && frame.q === q ? (deserialize(frame.changes, frame.meta) as RowChange[]) : []))

const kinds = (stream: TestStream, q: QueryId): string[] => told(stream, q).map(({ type }) => type)

const ALL = changes('Note')

describe('a stream of changes', () => {
  let workspace: Workspace
  let running: RunningEdge
  const streams: TestStream[] = []
  let nextId = 1

  beforeAll(async () => {
    workspace = await createWorkspace(inject('postgresUrl'))
    await seedWorkspace(workspace)
    running = await startEdge(workspace)
  })
  afterEach(() => {
    for (const stream of streams.splice(0)) stream.close()
  })
  afterAll(async () => {
    await running.close()
    await workspace.close()
  })

  const opened = async (user: string, ...queries: (WireQuery & { q: QueryId })[]): Promise<TestStream> => {
    const stream = await openStream({ base: running.base, user, queries })
    streams.push(stream)
    await stream.until(() => queries.every(({ q }) => stream.query(q).isReady), 'ready')
    return stream
  }
  /** A change at the end, which shows that nothing more comes before it. */
  const endWith = async (stream: TestStream, query = ALL): Promise<void> => {
    const id = nextId++
    await workspace.db.note.create({ data: { id, ownerId: 'bob', body: `the end ${id}`, isPublic: true } })
    await stream.until(() => stream.text.includes(`the end ${id}`), 'the end')
    expect(told(stream, query.q).at(-1)?.type).toBe('created')
  }

  it('tells each change once, with the row before and after it, as findMany would show it', async () => {
    const stream = await opened('bob', ALL)
    const id = nextId++
    await workspace.db.note.create({ data: { id, ownerId: 'bob', body: 'one', size: 2n ** 60n, score: '1.50', tags: ['a'], secret: 'own' } })
    await workspace.db.note.update({ where: { id }, data: { body: 'two' } })
    const [row] = await workspace.as({ id: 'bob' }).note.findMany({ where: { id } })
    await workspace.db.note.delete({ where: { id } })
    await endWith(stream)
    const date = expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as unknown
    expect(told(stream, ALL.q).slice(0, 3)).toEqual([
      { type: 'created', date, created: { ...row, body: 'one' } },
      { type: 'updated', date, updated: { before: { ...row, body: 'one' }, after: row } },
      { type: 'deleted', date, deleted: { id } },
    ])
    expect(kinds(stream, ALL.q)).toHaveLength(4)
  })

  it('follows the transition rule: after alone, before alone, both, neither', async () => {
    const where = { rank: { gte: 5 } }
    const queries = {
      after: changes('Note', { updated: { after: where } }),
      before: changes('Note', { updated: { before: where } }),
      both: changes('Note', { updated: { before: { rank: 5 }, after: { rank: 6 } } }),
      neither: changes('Note', { updated: {} }),
      created: changes('Note', { created: where }),
      deleted: changes('Note', { deleted: where }),
    }
    const stream = await opened('bob', ...Object.values(queries), ALL)
    const id = nextId++
    await workspace.db.note.create({ data: { id, ownerId: 'bob', body: 'b', rank: 1 } })
    for (const rank of [5, 6, 6, 1]) await workspace.db.note.update({ where: { id }, data: { rank, body: `at ${rank}` } })
    await workspace.db.note.delete({ where: { id } })
    const other = nextId++
    await workspace.db.note.create({ data: { id: other, ownerId: 'bob', body: 'b', rank: 5 } })
    await workspace.db.note.delete({ where: { id: other } })
    await endWith(stream)
    const ranks = (query: { q: QueryId }): unknown[] =>
      told(stream, query.q).map((change) => (change.type === 'updated' ? (change.updated.after as { rank: number }).rank : change.type))
    expect(Object.fromEntries(Object.entries(queries).map(([name, query]) => [name, ranks(query)]))).toEqual({
      after: [5],
      before: [1],
      both: [6],
      // One of the updates changed nothing.
      neither: [5, 6, 1],
      created: ['created'],
      deleted: ['deleted'],
    })
  })

  it('tells only what this reader may read, now and before', async () => {
    const stream = await opened('cay', ALL)
    const id = nextId++
    const set = (data: object): Promise<unknown> => workspace.db.note.update({ where: { id }, data })
    await workspace.db.note.create({ data: { id, ownerId: 'bob', body: 'hidden draft', secret: 'hidden 1' } })
    await set({ body: 'hidden second draft' })
    await set({ body: 'published', isPublic: true, secret: 'hidden 2' })
    await set({ body: 'mended', secret: 'hidden 3' })
    // Only in a field that cay may not read.
    await set({ secret: 'hidden 4' })
    await set({ body: 'hidden again', isPublic: false })
    await workspace.db.note.delete({ where: { id } })
    const mine = nextId++
    await workspace.db.note.create({ data: { id: mine, ownerId: 'cay', body: 'mine', secret: 'readable' } })
    // Given away: what cay could read of it is no longer cay's to read.
    await workspace.db.note.update({ where: { id: mine }, data: { ownerId: 'bob', isPublic: true, body: 'given' } })
    await workspace.db.note.delete({ where: { id: mine } })
    await endWith(stream)
    expect(stream.text).not.toContain('hidden')
    const seen = told(stream, ALL.q).map((change) => {
      if (change.type !== 'updated') return change.type === 'created' ? ['created', change.created] : ['deleted', change.deleted]
      return ['updated', change.updated.before, change.updated.after]
    })
    const shown = (body: string, secret: string | null = null): unknown => expect.objectContaining({ body, secret })
    expect(seen).toEqual([
      ['updated', null, shown('published')],
      ['updated', shown('published'), shown('mended')],
      ['created', shown('mine', 'readable')],
      ['updated', shown('mine'), shown('given')],
      ['deleted', { id: mine }],
      ['created', expect.objectContaining({ ownerId: 'bob' })],
    ])
  })

  it('tells nothing where an empty list shows for NULL, but to a condition that tells them apart', async () => {
    // What else is asked for makes no difference.
    const empty = changes('Note', { created: {}, updated: { after: { tags: { isEmpty: true } } } })
    const stream = await opened('bob', ALL, empty)
    const id = nextId++
    await workspace.sql(`INSERT INTO "Note" (id, "ownerId", body, tags) VALUES ($1, 'bob', 'b', NULL)`, [id])
    await workspace.sql(`UPDATE "Note" SET tags = '{}' WHERE id = $1`, [id])
    await endWith(stream)
    expect(kinds(stream, ALL.q)).toEqual(['created', 'created'])
    expect(kinds(stream, empty.q)).toEqual(['created', 'updated', 'created'])
  })

  it('does not let a condition look at what the reader may not read', async () => {
    const bySecret = changes('Note', {
      created: { secret: 'guess' },
      updated: { after: { secret: { startsWith: 'g' } } },
      deleted: { secret: 'guess' },
    })
    const stream = await opened('cay', bySecret, ALL)
    const id = nextId++
    await workspace.db.note.create({ data: { id, ownerId: 'bob', body: 'b', isPublic: true, secret: 'guess' } })
    await workspace.db.note.update({ where: { id }, data: { secret: 'gamble' } })
    await workspace.db.note.delete({ where: { id } })
    await endWith(stream)
    expect(told(stream, bySecret.q)).toEqual([])
  })

  it('knows memberships as they are in the transaction itself', async () => {
    const tasks = changes('Task')
    const stream = await opened('cay', tasks, ALL)
    const { db } = workspace
    await db.task.create({ data: { id: 'm1', spaceId: 'roof', title: 'hidden title', ownerId: 'ann' } })
    await db.$transaction(async (tx) => {
      await tx.member.create({ data: { spaceId: 'roof', userId: 'cay' } })
      await tx.task.update({ where: { id: 'm1' }, data: { title: 'welcome' } })
    })
    await db.task.update({ where: { id: 'm1' }, data: { title: 'hello' } })
    await db.$transaction(async (tx) => {
      await tx.task.update({ where: { id: 'm1' }, data: { title: 'hidden again' } })
      await tx.member.delete({ where: { spaceId_userId: { spaceId: 'roof', userId: 'cay' } } })
    })
    await db.task.delete({ where: { id: 'm1' } })
    await endWith(stream)
    expect(stream.text).not.toContain('hidden')
    const title = (text: string): unknown => expect.objectContaining({ title: text, budget: null })
    expect(told(stream, tasks.q).map((change) => (change.type === 'updated' ? change.updated : change.type))).toEqual([
      { before: null, after: title('welcome') },
      { before: title('welcome'), after: title('hello') },
    ])
  })

  it('asks the database who may read a row where memory cannot tell', async () => {
    const comments = changes('Comment', { created: {}, updated: {} })
    const [bob, cay] = [await opened('bob', comments, ALL), await opened('cay', comments, ALL)]
    const { db } = workspace
    await db.task.create({ data: { id: 'c1', spaceId: 'garden', title: 'Dig', ownerId: 'ann' } })
    await db.comment.create({ data: { id: 'c1', taskId: 'c1', authorId: 'ann', body: 'for the garden' } })
    await db.comment.update({ where: { id: 'c1' }, data: { body: 'for all of the garden' } })
    await bob.until(() => told(bob, comments.q).length === 2, 'both')
    // From here on it is ann's alone, by a change of another table.
    await db.task.update({ where: { id: 'c1' }, data: { isPrivate: true } })
    await db.comment.update({ where: { id: 'c1' }, data: { body: 'not for bob' } })
    await endWith(bob)
    await endWith(cay)
    expect(told(bob, comments.q)).toEqual([
      { type: 'created', date: expect.any(String) as unknown, created: expect.objectContaining({ body: 'for the garden' }) as unknown },
      {
        type: 'updated',
        date: expect.any(String) as unknown,
        updated: {
          before: expect.objectContaining({ body: 'for the garden' }) as unknown,
          after: expect.objectContaining({ body: 'for all of the garden' }) as unknown,
        },
      },
    ])
    expect(told(cay, comments.q)).toEqual([])
    expect(bob.text).not.toContain('not for bob')
    expect(cay.text).not.toContain('garden')
  })

  it('resumes from a position with what became of each row meanwhile', async () => {
    const request = { base: running.base, user: 'bob', path: 'note/$changes' }
    const first = await openGet(request)
    streams.push(first)
    await first.until(() => first.query(ALL.q).isReady, 'ready')
    const [a, b, c] = [nextId++, nextId++, nextId++]
    await workspace.db.note.create({ data: { id: a, ownerId: 'bob', body: 'a', rank: 1 } })
    await first.until(() => told(first, ALL.q).length === 1 && (first.lastEventId ?? '') !== '', 'the first')
    const { lastEventId = '' } = first
    first.close()
    for (const rank of [2, 3, 4]) await workspace.db.note.update({ where: { id: a }, data: { rank } })
    await workspace.db.note.create({ data: { id: b, ownerId: 'bob', body: 'b' } })
    await workspace.db.note.create({ data: { id: c, ownerId: 'bob', body: 'came and went' } })
    await workspace.db.note.delete({ where: { id: c } })
    await running.caughtUp()
    await running.restart()
    const second = await openGet({ ...request, base: running.base, lastEventId })
    streams.push(second)
    await second.until(() => told(second, ALL.q).length >= 2, 'what was missed')
    await endWith(second)
    expect(told(second, ALL.q).slice(0, 2)).toMatchObject([
      { type: 'updated', updated: { before: { rank: 1 }, after: { rank: 4 } } },
      { type: 'created', created: { body: 'b' } },
    ])
    expect(second.frames.map(({ event }) => event)).not.toContain('reset')
    expect(second.text).not.toContain('came and went')
    const other = await openGet({ ...request, base: running.base, user: 'cay', lastEventId })
    streams.push(other)
    await other.until(() => other.query(ALL.q).isReady, 'ready')
    expect(other.frames.map(({ event }) => event)).toEqual(['reset', 'ready'])
  })

  it('tells what was missed at the places where it happened: who was told of one already knows it again', async () => {
    const live = await opened('bob', ALL)
    const places = (of: TestStream): string[] => of.frames.flatMap((frame) => (frame.event === 'changes' && frame.q === ALL.q ? [frame.at] : []))
    const first = await openGet({ base: running.base, user: 'bob', path: 'note/$changes' })
    streams.push(first)
    await first.until(() => (first.lastEventId ?? '') !== '', 'a position')
    const { lastEventId = '' } = first
    first.close()
    for (const body of ['a', 'b']) await workspace.db.note.create({ data: { id: nextId++, ownerId: 'bob', body } })
    await workspace.db.task.create({ data: { id: 'elsewhere', spaceId: 'garden', title: 'Dig', ownerId: 'ann' } })
    await live.until(() => told(live, ALL.q).length === 2, 'both')
    await running.caughtUp()
    const second = await openGet({ base: running.base, user: 'bob', path: 'note/$changes', lastEventId })
    streams.push(second)
    await second.until(() => told(second, ALL.q).length === 2, 'both again')
    expect(places(second)).toEqual(places(live))
  })

  it('is reset where what happened cannot be told', async () => {
    const comments = changes('Comment', { created: {}, updated: {} })
    const stream = await opened('bob', comments, ALL)
    await workspace.sql('TRUNCATE "Comment"')
    await stream.until(() => stream.frames.some((frame) => frame.event === 'reset'), 'the reset')
    expect(stream.frames.flatMap((frame) => (frame.event === 'reset' ? [[frame.q, frame.reason]] : []))).toEqual([[comments.q, 'truncate']])
    await stream.until(() => stream.query(comments.q).isReady, 'ready again')
    await workspace.db.comment.create({ data: { id: 'new', taskId: 'c1', authorId: 'bob', body: 'after it' } })
    await stream.until(() => told(stream, comments.q).length === 1, 'the next one')
  })

  it('is reset where memory has let go of what happened while the database was asked', async () => {
    await running.restart({ limits: { ringEntries: 1 } })
    const comments = changes('Comment', { created: {}, updated: {} })
    const stream = await opened('bob', comments)
    const other = new pg.Client(workspace.url)
    await other.connect()
    await other.query('BEGIN; LOCK TABLE "Member"')
    await workspace.db.comment.create({ data: { id: 'slow', taskId: 'c1', authorId: 'bob', body: 'while it was slow' } })
    for (let count = 0; count < 3; count++) await workspace.db.note.create({ data: { id: nextId++, ownerId: 'cay', body: 'another' } })
    await running.caughtUp()
    await vi.waitUntil(() => running.edge.metrics().transactions >= 4, { timeout: 30_000 })
    await other.query('COMMIT')
    await other.end()
    await stream.until(() => stream.frames.some((frame) => frame.event === 'reset'), 'the reset')
    expect(stream.frames.flatMap((frame) => (frame.event === 'reset' ? [frame.reason] : []))).toEqual(['slow'])
    await running.restart()
  })

  it('refuses what it cannot tell', async () => {
    const refused = async (code: ErrorCode, path: string, q?: unknown, accept = 'text/event-stream'): Promise<void> => {
      const url = `${running.base}/${path}${q === undefined ? '' : `?q=${encodeURIComponent(JSON.stringify(q))}`}`
      const response = await fetch(url, { headers: { accept, 'x-user': 'bob' } })
      expect([response.status, await response.json()]).toEqual([ERROR_CODES[code].status, { error: { code, message: ERROR_CODES[code].sentence } }])
    }
    await refused('bad_request', 'note/$changes', undefined, 'application/json')
    await refused('bad_arguments', 'note/$changes', [])
    await refused('bad_arguments', 'note/$changes', {})
    await refused('bad_arguments', 'note/$changes', { changed: {} })
    await refused('bad_arguments', 'note/$changes', { updated: { during: {} } })
    await refused('bad_arguments', 'note/$changes', { updated: 1 })
    await refused('bad_arguments', 'note/$changes', { created: { nothing: 1 } })
    await refused('not_live', 'note/$changes', { created: { owner: { name: 'Ann' } } })
    // Only the database knows who may read a comment, and of one that is gone it cannot be asked.
    await refused('not_live', 'comment/$changes')
    await refused('not_live', 'comment/$changes', { deleted: {} })
    await refused('unknown_model', 'nothing/$changes')
  })
})
