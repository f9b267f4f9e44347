import { connect, type Socket } from 'node:net'
import { compress } from 'hono/compress'
import { cors } from 'hono/cors'
import { requestId } from 'hono/request-id'
import { secureHeaders } from 'hono/secure-headers'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { openGet, openStream, wire, type TestStream } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'
import { createWorkspace, seedWorkspace, type Workspace } from './support/workspace.ts'

const NOTES = wire('Note', 'findMany')

describe.each([
  ['the socket writer', undefined],
  ['Node alone', '1'],
])('the socket of a stream, written to by %s', (_writer, isLeftOut) => {
  let workspace: Workspace
  let running: RunningEdge
  const streams: TestStream[] = []

  beforeAll(async () => {
    vi.stubEnv('ZENSTACK_LIVE_NO_SOCKET_WRITER', isLeftOut)
    workspace = await createWorkspace(inject('postgresUrl'))
    await seedWorkspace(workspace)
    running = await startEdge(workspace, { mount: (app) => app.use('*', cors(), secureHeaders(), requestId(), compress()) })
  })
  afterEach(() => {
    for (const stream of streams.splice(0)) stream.close()
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await running.close()
    await workspace.close()
  })

  const opened = async (options: { base?: string } = {}): Promise<TestStream> => {
    const stream = await openStream({ base: options.base ?? running.base, user: 'bob', queries: [NOTES] })
    streams.push(stream)
    await stream.until(() => stream.query(NOTES.q).isReady, 'ready')
    return stream
  }

  it('carries the headers of all middleware, and stays unbuffered behind compress()', async () => {
    const response = await fetch(`${running.base}/note/findMany`, {
      headers: { accept: 'text/event-stream', 'x-user': 'bob', origin: 'http://elsewhere', 'accept-encoding': 'gzip' },
    })
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'access-control-allow-origin': '*',
      'x-content-type-options': 'nosniff',
      'x-request-id': expect.any(String) as string,
      'transfer-encoding': 'chunked',
      'x-accel-buffering': 'no',
    })
    expect(response.headers.get('content-encoding')).toBeNull()
    await response.body?.cancel()
    const stream = await opened()
    await workspace.db.note.create({ data: { ownerId: 'bob', body: 'at once' } })
    await stream.until(() => stream.text.includes('at once'), 'the note')
  })

  it('falls back to a web stream without Node, and where something else reads the body first', async () => {
    const response = await running.app.request('/api/live/note/findMany', { headers: { accept: 'text/event-stream', 'x-user': 'bob' } })
    const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader()
    let text = ''
    while (!text.includes('event: ready')) text += new TextDecoder().decode((await reader.read()).value)
    expect(response.headers.get('transfer-encoding')).toBeNull()
    await reader.cancel()
    while (running.edge.metrics().connectionsNow > 0) await new Promise((resolve) => setTimeout(resolve, 10))
  })

  it('moves quiet readers on with ids, and tells nobody who has left', async () => {
    await running.restart({ limits: { heartbeatIntervalMs: 200 } })
    const stream = await opened()
    await stream.until(() => (stream.lastEventId ?? '') !== '', 'an id')
    const { lastEventId } = stream
    await workspace.db.note.create({ data: { ownerId: 'cay', body: 'not for bob' } })
    await stream.until(() => stream.lastEventId !== lastEventId, 'another id')
    expect(stream.frames.map((frame) => frame.event)).toEqual(['snapshot', 'ready'])
    stream.close()
    while (running.edge.metrics().connectionsNow > 0) await new Promise((resolve) => setTimeout(resolve, 10))
    expect(running.edge.metrics().queriesNow).toEqual({ incremental: 0, requery: 0 })
  })

  it('sends snapshots in frames of snapshotRowsPerFrame rows, however a query is kept live', async () => {
    await running.restart({ limits: { snapshotRowsPerFrame: 2 } })
    await workspace.db.note.createMany({ data: [1, 1, 2, 2, 2].map((rank) => ({ ownerId: 'bob', body: 'framed', rank })) })
    const queries = [1, 2].flatMap((rank) => [{}, { take: 100 }].map((window) => wire('Note', 'findMany', { where: { rank }, ...window })))
    const stream = await openStream({ base: running.base, user: 'bob', queries })
    streams.push(stream)
    await stream.until(() => queries.every(({ q }) => stream.query(q).isReady), 'ready')
    const sizes = queries.map(({ q }) =>
      stream.frames.flatMap((frame) => (frame.event === 'snapshot' && frame.q === q && frame.shape !== 'value' ? [frame.rows.length] : [])),
    )
    expect(queries.map(({ q }) => stream.query(q).engine)).toEqual(['incremental', 'requery', 'incremental', 'requery'])
    expect(sizes).toEqual([[2], [2], [2, 1], [2, 1]])
    stream.close()
    await workspace.db.note.deleteMany({ where: { body: 'framed' } })
    await running.restart()
  })

  it('sends newcomers away with a retry when it is full, and those that are there when it drains', async () => {
    await running.restart({ limits: { maxConnections: 1 } })
    const stream = await opened()
    const turned = await openGet({ base: running.base, user: 'bob', path: 'note/findMany' })
    await turned.until(() => turned.isEnded, 'the end')
    expect(turned.text).toMatch(/^retry: \d+\n\nevent: bye\ndata: \{"reason":"overloaded"\}\n\n$/)
    await running.edge.drain()
    await stream.until(() => stream.isEnded, 'the end')
    expect(stream.text).toMatch(/retry: \d+\n\nevent: bye\ndata: \{"reason":"drain"\}\n\nid: \S*\n\n$/)
    await running.restart()
  })

  describe('when many come at once', () => {
    /** Comes back with the position and the ticket that another stream had. */
    const comeBack = async (from: TestStream): Promise<TestStream> => {
      const held = new Map([[NOTES.q, from.query(NOTES.q)]])
      const queries = [{ ...NOTES, ticket: from.query(NOTES.q).ticket ?? '' }]
      const stream = await openStream({ base: running.base, user: 'bob', queries, lastEventId: from.lastEventId ?? '', held })
      streams.push(stream)
      return stream
    }
    const come = async (lastEventId?: string): Promise<TestStream> => {
      const stream = await openStream({ base: running.base, user: 'cay', queries: [NOTES], ...(lastEventId === undefined ? {} : { lastEventId }) })
      streams.push(stream)
      return stream
    }
    const expectTurnedAway = async (stream: TestStream): Promise<void> => {
      await stream.until(() => stream.isEnded, 'the end')
      expect(stream.frames).toEqual([{ event: 'bye', reason: 'overloaded' }])
    }
    const expectReady = (stream: TestStream): Promise<void> => stream.until(() => stream.frames.some(({ event }) => event === 'ready'), 'ready')
    const withId = async (): Promise<TestStream> => {
      const stream = await opened()
      await stream.until(() => (stream.lastEventId ?? '') !== '', 'an id')
      return stream
    }

    it('keeps a place in twenty for who goes on from a position', async () => {
      await running.restart({ limits: { maxConnections: 20 } })
      const first = await withId()
      for (let count = 2; count <= 19; count++) await expectReady(await come())
      await expectTurnedAway(await come())
      // What somebody made up is no position.
      await expectTurnedAway(await come('made up'))
      await expectReady(await comeBack(first))
      await expectTurnedAway(await comeBack(first))
      await running.restart()
    })

    it('lets in who goes on from a position while newcomers wait for the database, and no more of those', async () => {
      await running.restart({ limits: { maxWaitingQuestions: 1, maxConcurrentRequeries: 1, lockTimeoutMs: 60_000 } })
      const first = await withId()
      const [locked, free] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      const locking = workspace.db.$transaction(async (tx) => {
        await tx.$executeRawUnsafe('LOCK TABLE "Note"')
        locked.resolve()
        await free.promise
      })
      await locked.promise
      // One is being asked; one waits, which is as many as may when somebody comes; then two do.
      const waiting = [await come()]
      const expectWaiting = (count: number): Promise<void> =>
        expect.poll(() => running.edge.metrics().questionsWaitingNow, { timeout: 30_000 }).toBe(count)
      await expect.poll(() => running.edge.metrics().databaseTransactions, { timeout: 30_000 }).toBe(2)
      for (const count of [1, 2]) {
        const newcomer = await openStream({ base: running.base, user: `newcomer ${count}`, queries: [NOTES] })
        streams.push(newcomer)
        waiting.push(newcomer)
        await expectWaiting(count)
      }
      await expectTurnedAway(await come())
      const read = (): Promise<Response> => fetch(`${running.base}/note/findMany`, { headers: { accept: 'application/json', 'x-user': 'cay' } })
      const refused = await read()
      expect([refused.status, await refused.json()]).toMatchObject([503, { error: { code: 'overloaded' } }])
      await expectReady(await comeBack(first))
      free.resolve()
      await locking
      for (const stream of waiting) await expectReady(stream)
      await expectReady(await come())
      expect((await read()).status).toBe(200)
      await running.restart()
    })
  })

  it('sends one person away who has as many streams or queries as one may, and nobody else', async () => {
    await running.restart({ limits: { maxConnectionsPerIdentity: 2, maxQueriesPerIdentity: 3 } })
    const open = async (user: string | undefined, count: number): Promise<TestStream> => {
      const queries = Array.from({ length: count }, (_, rank) => wire('Note', 'findMany', { where: { rank } }))
      const stream = await openStream({ base: running.base, queries, ...(user === undefined ? {} : { user }) })
      streams.push(stream)
      return stream
    }
    const expectRoom = async (stream: TestStream, count: number): Promise<void> =>
      stream.until(() => stream.frames.filter(({ event }) => event === 'ready').length === count, `${count} ready`)
    const expectTurnedAway = async (stream: TestStream): Promise<void> => {
      await stream.until(() => stream.isEnded, 'the end')
      expect(stream.frames).toEqual([{ event: 'bye', reason: 'overloaded' }])
    }
    await expectRoom(await open('bob', 1), 1)
    await expectTurnedAway(await open('bob', 3))
    const last = await open('bob', 2)
    await expectRoom(last, 2)
    await expectTurnedAway(await open('bob', 0))
    await expectRoom(await open('ann', 3), 3)
    // Strangers are nobody in particular: they do not lock each other out.
    for (let stranger = 0; stranger < 3; stranger++) await expectRoom(await open(undefined, 2), 2)
    last.close()
    await vi.waitUntil(() => running.edge.metrics().connectionsNow === 5, { timeout: 30_000 })
    await expectRoom(await open('bob', 2), 2)
    await running.restart()
  })

  it('holds these limits also against those who come in one moment', async () => {
    for (const limits of [{ maxConnectionsPerIdentity: 3 }, { maxConnections: 3 }]) {
      await running.restart({ limits })
      const all = await Promise.all(Array.from({ length: 12 }, () => openStream({ base: running.base, user: 'bob', queries: [NOTES] })))
      streams.push(...all)
      await vi.waitUntil(() => all.every((stream) => stream.isEnded || stream.query(NOTES.q).isReady), { timeout: 30_000 })
      expect(all.filter(({ isEnded }) => !isEnded)).toHaveLength(3)
      for (const stream of all.filter(({ isEnded }) => isEnded)) expect(stream.text).toMatch(/^retry: \d+\n\nevent: bye\n/)
      for (const stream of all) stream.close()
    }
    await running.restart()
  })

  it('cuts a reader that takes nothing, keeps nothing for it, and lets it resume without a loss', async () => {
    await running.restart({ limits: { maxStallMs: 3_000 } })
    const url = new URL(running.base)
    const stalled = await stallingReader(Number(url.port), `${url.pathname}/note/findMany`)
    const healthy = await opened()
    const body = 'x'.repeat(200_000)
    let sent = 0
    const before = running.edge.metrics().slowReadersCut
    // Kernel buffers take megabytes before the process notices. From then on nothing more is written: what would come to hundreds of
    // megabytes on a fast machine says nothing more.
    while (running.edge.metrics().connectionsStalledNow === 0 && sent < 400) {
      await workspace.db.note.create({ data: { ownerId: 'bob', body: `${sent++} ${body}` } })
    }
    expect(running.edge.metrics().connectionsStalledNow).toBe(1)
    await vi.waitUntil(() => running.edge.metrics().slowReadersCut === before + 1, { timeout: 30_000 })
    expect(running.edge.metrics().connectionsStalledNow).toBe(0)
    await stalled.closed
    await healthy.until(() => healthy.query(NOTES.q).rows.length >= sent, 'the healthy one', 30_000)
    // What came and went while it was away is not told.
    await workspace.sql('DELETE FROM "Note"')
    await workspace.db.note.create({ data: { ownerId: 'bob', body: 'the last' } })
    const back = await openGet({ base: running.base, user: 'bob', path: 'note/findMany', lastEventId: stalled.lastEventId() })
    streams.push(back)
    await back.until(() => back.text.includes('the last'), 'the last', 30_000)
    expect(back.frames.map((frame) => frame.event)).not.toContain('snapshot')
  })
})

/** Reads until it has an id, then never again. */
async function stallingReader(port: number, path: string): Promise<{ lastEventId(): string; closed: Promise<void> }> {
  const socket: Socket = connect(port, '127.0.0.1')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nX-User: bob\r\n\r\n`)
  let text = ''
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      text += chunk.toString('utf8')
      if (/\nid: \S+\n/.test(text)) {
        socket.pause()
        resolve()
      }
    })
  })
  // A paused socket does not see its end: look now and then.
  const looking = setInterval(() => {
    if (socket.destroyed) clearInterval(looking)
    else socket.write('')
  }, 50)
  socket.on('error', () => socket.destroy())
  setTimeout(() => socket.resume(), 60_000).unref()
  return {
    lastEventId: () => /\nid: (\S+)\n/.exec(text)?.[1] ?? '',
    closed: Promise.race([closed, new Promise<void>((resolve) => setTimeout(resolve, 500))]),
  }
}
