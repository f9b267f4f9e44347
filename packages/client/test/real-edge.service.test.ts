import { inspect } from 'node:util'
import { createLiveClient, type LiveClientOptions, type LiveQuery, type LiveState } from '@zenstack-live/client'
import { internals } from '@zenstack-live/client/internal'
import { schema } from '@zenstack-live/testing/workspace'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { startServer, type TestServer } from './support/start-server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer(inject('postgresUrl'))
})
afterAll(() => server.close())

const clients: { $close(): void }[] = []
afterAll(() => {
  for (const client of clients) client.$close()
})

function clientOf(userId: string, options: LiveClientOptions = {}): ReturnType<typeof createLiveClient<typeof schema>> {
  const live = createLiveClient(schema, { endpoint: `${server.origin}/api/live`, headers: { 'x-user': userId }, ...options })
  clients.push(live)
  return live
}

interface Watched<T> {
  readonly states: readonly LiveState<T>[]
  readonly data: T | undefined
  until(condition: (data: T | undefined, state: LiveState<T> | undefined) => boolean): Promise<void>
  stop(): void
}

function watch<T>(live: ReturnType<typeof clientOf>, query: LiveQuery<T>): Watched<T> {
  const states: LiveState<T>[] = []
  const waiting = new Set<() => void>()
  const stop = live.subscribe(query, (state) => {
    states.push(state)
    for (const look of waiting) look()
  })
  return {
    states,
    get data() {
      return states.at(-1)?.data
    },
    until: (condition) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`Waited in vain; last: ${inspect(states.at(-1), { depth: 4 })}`)), 60_000)
        const look = (): void => {
          if (!condition(states.at(-1)?.data, states.at(-1))) return
          clearTimeout(timer)
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
    stop,
  }
}

describe('against a real edge', () => {
  it('goes on from what was read for the page on a server, without a snapshot', async () => {
    await server.db.note.create({ data: { ownerId: 'bob', body: 'read before', rank: 1, at: new Date('2026-01-02T03:04:05.678Z') } })
    const onServer = clientOf('bob')
    let streamed = ''
    const live = clientOf('bob', {
      fetch: async (url, init) => {
        const response = await fetch(url, init)
        const [copy, body] = response.body?.tee() ?? []
        void (async () => {
          for await (const chunk of copy ?? []) streamed += Buffer.from(chunk).toString()
        })().catch(() => {})
        return new Response(body ?? null, response)
      },
    })
    const queries = [live.note.findMany({ orderBy: { id: 'asc' } }), live.note.findMany({ where: { rank: 1 }, take: 5 }), live.note.count()] as const
    for (const query of queries) {
      const { data, resume } = await onServer[internals].store.readOnce(query)
      if (resume === undefined) throw new Error('The read says nothing of its place.')
      live[internals].store.adopt(query, data, resume)
    }
    const [all, window, count] = [watch(live, queries[0]), watch(live, queries[1]), watch(live, queries[2])] as const
    expect([all.data?.length, window.data?.length, count.data]).toEqual([1, 1, 1])
    await count.until((_, state) => state?.isLive === true)
    expect(streamed).toContain('event: ready')
    expect(streamed).not.toContain('event: snapshot')
    await server.sql(`INSERT INTO "Note" ("ownerId", body, rank, size, at) VALUES ('bob', 'after', 1, 0, now())`)
    for (const query of [all, window]) await query.until((data) => data?.length === 2)
    await count.until((data) => data === 2)
    expect(all.data).toEqual(await server.as('bob').note.findMany({ orderBy: { id: 'asc' } }))
    await server.sql(`DELETE FROM "Note"`)
    for (const query of [all, window]) await query.until((data) => data?.length === 0)
    for (const query of [all, window, count]) query.stop()
  })

  it('shows what findMany returns, types included, and follows commits made past ZenStack', async () => {
    await server.db.note.create({
      data: { ownerId: 'bob', body: 'first', size: 9_007_199_254_740_993n, score: '1.50', at: new Date('2026-01-02T03:04:05.678Z'), tags: ['a'] },
    })
    const live = clientOf('bob')
    const notes = watch(live, live.note.findMany({ orderBy: { id: 'asc' } }))
    await notes.until((data) => data?.length === 1)
    expect(notes.data).toEqual(await server.as('bob').note.findMany({ orderBy: { id: 'asc' } }))
    expect(notes.data?.[0]?.at).toBeInstanceOf(Date)
    expect(typeof notes.data?.[0]?.size).toBe('bigint')
    await server.sql(
      `INSERT INTO "Note" ("ownerId", body, "isPublic", rank, size, at) VALUES ('cay', 'public', true, 0, 0, now()), ('cay', 'private', false, 0, 0, now())`,
    )
    await notes.until((data) => data?.length === 2)
    await server.sql(`UPDATE "Note" SET body = 'changed' WHERE body = 'first'`)
    await notes.until((data) => data?.[0]?.body === 'changed')
    expect(notes.data).toEqual(await server.as('bob').note.findMany({ orderBy: { id: 'asc' } }))
    await server.sql(`DELETE FROM "Note"`)
    await notes.until((data) => data?.length === 0)
    notes.stop()
  })

  it('keeps counts, single rows, includes and arguments with dates live on one connection', async () => {
    let requests = 0
    const live = clientOf('bob', { fetch: (url, init) => (requests++, fetch(url, init)) })
    const count = watch(live, live.task.count({ where: { spaceId: 'garden' } }))
    const first = watch(live, live.task.findFirst({ where: { spaceId: 'garden' }, orderBy: { id: 'asc' }, include: { comments: true } }))
    const due = watch(live, live.task.findMany({ where: { dueAt: { gt: new Date('2026-01-01') } }, select: { id: true, dueAt: true } }))
    await Promise.all([count, first, due].map((watched) => watched.until((_, state) => state?.isLive === true)))
    expect([count.data, first.data, due.data]).toEqual([0, null, []])
    await server.db.task.create({ data: { id: 't1', spaceId: 'garden', title: 'Dig', ownerId: 'ann', dueAt: new Date('2026-02-01') } })
    await Promise.all([count.until((data) => data === 1), first.until((data) => data?.id === 't1'), due.until((data) => data?.length === 1)])
    await server.db.comment.create({ data: { id: 'c1', taskId: 't1', authorId: 'ann', body: 'deep' } })
    await first.until((data) => data?.comments[0]?.body === 'deep')
    expect(requests).toBe(1)
    for (const watched of [count, first, due]) watched.stop()
  })

  it('goes on exactly after the server was restarted, with what was committed meanwhile', async () => {
    const live = clientOf('bob', { limits: { minBackoffMs: 50, maxBackoffMs: 200 } })
    const notes = watch(live, live.note.findMany({ orderBy: { id: 'asc' } }))
    await notes.until((_, state) => state?.isLive === true)
    await server.db.note.create({ data: { ownerId: 'bob', body: 'before' } })
    await notes.until((data) => data?.length === 1)
    const restarted = server.restart()
    await notes.until((_, state) => state?.liveStatus === 'catching-up')
    await server.db.note.create({ data: { ownerId: 'bob', body: 'meanwhile' } })
    await restarted
    await notes.until((data, state) => data?.length === 2 && state?.isLive === true)
    expect(notes.data).toEqual(await server.as('bob').note.findMany({ orderBy: { id: 'asc' } }))
    await server.db.note.create({ data: { ownerId: 'bob', body: 'after' } })
    await notes.until((data) => data?.length === 3)
    expect(notes.states.map(({ data }) => data?.length ?? -1).every((length, index, all) => index === 0 || length >= (all[index - 1] ?? -1))).toBe(
      true,
    )
    await server.sql(`DELETE FROM "Note"`)
    notes.stop()
  })

  it('adds a query without a snapshot for those that are open', async () => {
    const bytes: string[] = []
    const live = clientOf('bob', { fetch: async (url, init) => tapped(await fetch(url, init), bytes) })
    const notes = watch(live, live.note.findMany())
    await server.db.note.create({ data: { ownerId: 'bob', body: 'only once on the wire' } })
    await notes.until((data) => data?.length === 1)
    const spaces = watch(live, live.space.findMany())
    await spaces.until((data) => data?.length === 1)
    await server.db.note.create({ data: { ownerId: 'bob', body: 'second' } })
    await notes.until((data) => data?.length === 2)
    expect(bytes.join('').split('only once on the wire').length - 1).toBe(1)
    await server.sql(`DELETE FROM "Note"`)
    notes.stop()
    spaces.stop()
  })

  it('resolves a mutation sent with live.fetch when its effect is shown', async () => {
    const live = clientOf('bob', { limits: { ownWriteMs: 60_000 } })
    const notes = watch(live, live.note.findMany())
    await notes.until((_, state) => state?.isLive === true)
    for (let round = 0; round < 20; round++) {
      const response = await live.fetch(`${server.origin}/api/model/note/create`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-user': 'bob' },
        body: JSON.stringify({ data: { ownerId: 'bob', body: `round ${round}` } }),
      })
      expect(response.status).toBe(201)
      expect(notes.data?.length).toBe(round + 1)
    }
    await server.sql(`DELETE FROM "Note"`)
    notes.stop()
  })

  it('resolves a transaction sent with live.fetch when all of it is shown', async () => {
    const live = clientOf('bob', { limits: { ownWriteMs: 60_000 } })
    const notes = watch(live, live.note.findMany())
    await notes.until((_, state) => state?.isLive === true)
    for (let round = 0; round < 20; round++) {
      const create = (half: string): object => ({ model: 'note', op: 'create', args: { data: { ownerId: 'bob', body: `round ${round} ${half}` } } })
      const response = await live.fetch(`${server.origin}/api/model/$transaction/sequential`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-user': 'bob' },
        body: JSON.stringify([create('one'), create('other')]),
      })
      expect(response.status).toBe(200)
      expect(notes.data?.length).toBe(round * 2 + 2)
    }
    await server.sql(`DELETE FROM "Note"`)
    notes.stop()
  })

  it('refuses a query that is wrong, and goes on with the others', async () => {
    const live = clientOf('bob')
    const wrong = watch(live, { model: 'Task', operation: 'findMany', args: { where: { nothing: 1 } } })
    const right = watch(live, live.space.findMany())
    await right.until((_, state) => state?.isLive === true)
    await wrong.until((_, state) => state?.status === 'error')
    expect(wrong.states.at(-1)).toMatchObject({ liveStatus: 'denied', error: { code: 'bad_arguments' } })
    expect(right.data).toHaveLength(1)
    wrong.stop()
    right.stop()
  })
})

/** A copy of what a response brings. */
function tapped(response: Response, bytes: string[]): Response {
  const text = new TextDecoder()
  const copy = response.body?.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        bytes.push(text.decode(chunk, { stream: true }))
        controller.enqueue(chunk)
      },
    }),
  )
  return new Response(copy ?? null, { status: response.status, headers: response.headers })
}
