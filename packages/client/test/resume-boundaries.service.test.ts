import { createLiveClient, type LiveClientOptions, type LiveState } from '@zenstack-live/client'
import { schema } from '@zenstack-live/testing/workspace'
import { afterAll, beforeAll, expect, inject, it, vi } from 'vitest'
import { startServer, type TestServer } from './support/start-server.ts'

type Fetch = NonNullable<LiveClientOptions['fetch']>

let server: TestServer
beforeAll(async () => {
  server = await startServer(inject('postgresUrl'))
})
afterAll(() => server.close())

/** A list that memory decides, a window and a value that are asked again. @returns what is shown of them, once all are live */
function watch(fetch: Fetch): { shown(): string | undefined; close(): void } {
  const live = createLiveClient(schema, {
    endpoint: `${server.origin}/api/live`,
    headers: { 'x-user': 'bob' },
    fetch,
    limits: { minBackoffMs: 2, maxBackoffMs: 2, gatherMs: 0 },
  })
  const queries = [
    live.note.findMany({ where: { rank: { gte: 0 } }, orderBy: { id: 'asc' } }),
    live.note.findMany({ orderBy: { id: 'asc' }, take: 3 }),
    live.note.count(),
  ] as const
  const states: LiveState<unknown>[] = []
  for (const [index, query] of queries.entries()) live.subscribe<unknown>(query, (state) => (states[index] = state))
  return {
    shown: () => (states.every(({ isLive }) => isLive) ? textOf(states.map(({ data }) => data)) : undefined),
    close: () => live.$close(),
  }
}

const textOf = (value: unknown): string => JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each))

/** Rows come, change, move out and in again, and go; others' rows do too. */
async function write(settled: () => Promise<unknown>): Promise<void> {
  const { db } = server
  const writes: (() => Promise<unknown>)[] = [
    ...[1, 2, 3, 4].map((id) => () => db.note.create({ data: { id, ownerId: 'bob', body: `note ${id}`, rank: id } })),
    () => db.note.create({ data: { id: 9, ownerId: 'cay', body: 'not for bob' } }),
    () => db.note.update({ where: { id: 1 }, data: { body: 'changed' } }),
    () => db.note.update({ where: { id: 2 }, data: { rank: -1 } }),
    () => db.note.update({ where: { id: 2 }, data: { rank: 7, body: 'back' } }),
    () => db.$transaction([db.note.delete({ where: { id: 3 } }), db.note.update({ where: { id: 4 }, data: { id: 5 } })]),
    () => db.note.create({ data: { id: 6, ownerId: 'bob', body: 'the last' } }),
  ]
  for (const one of writes) {
    await one()
    await settled()
  }
}

it('a client that is cut off at any boundary of a frame shows the same in the end', async () => {
  let recorded = ''
  const recorder = watch(async (url, init) => {
    const response = await fetch(url, init)
    const [copy, body] = response.body?.tee() ?? []
    void (async () => {
      for await (const chunk of copy ?? []) recorded += Buffer.from(chunk).toString()
    })().catch(() => {})
    return new Response(body ?? null, response)
  })
  await vi.waitFor(() => expect(recorder.shown()).toBeDefined(), { timeout: 60_000 })
  const bob = server.as('bob')
  const expected = async (): Promise<string> =>
    textOf([
      await bob.note.findMany({ where: { rank: { gte: 0 } }, orderBy: { id: 'asc' } }),
      await bob.note.findMany({ orderBy: { id: 'asc' }, take: 3 }),
      await bob.note.count(),
    ])
  await write(() => vi.waitFor(async () => expect(recorder.shown()).toBe(await expected()), { timeout: 60_000 }))
  recorder.close()
  const cuts = [0, ...[...recorded.matchAll(/\n\n/g)].map((match) => match.index + 2)]
  expect(cuts.length).toBeGreaterThan(25)
  const last = await expected()
  for (const cut of cuts) {
    let requests = 0
    const client = watch(async (url, init) => {
      if (requests++ > 0) return fetch(url, init)
      return new Response(recorded.slice(0, cut), { headers: { 'content-type': 'text/event-stream' } })
    })
    await vi.waitFor(() => expect([cut, requests > 1, client.shown()]).toEqual([cut, true, last]), { timeout: 60_000, interval: 5 })
    client.close()
  }
})
