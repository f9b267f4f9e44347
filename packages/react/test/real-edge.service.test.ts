import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dehydrate, HydrationBoundary, QueryClient, QueryClientProvider, type DehydratedState } from '@tanstack/react-query'
import { createLiveClient, liveHydration, LiveProvider, prefetchLiveQuery, useLiveQuery, type LiveFetch } from '@zenstack-live/react'
import { createDatabase } from '@zenstack-live/testing'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import { Window } from 'happy-dom'
import { Hono } from 'hono'
import pg from 'pg'
import { act, createElement, type ReactElement } from 'react'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { ZenStackLive } from 'zenstack-live'
import { createHonoLiveHandler } from 'zenstack-live/hono'

const ENDPOINT = 'http://app/api/live'
const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-react-'))
let pool: pg.Pool
let live: ZenStackLive
let app: Hono

beforeAll(async () => {
  const url = await createDatabase(inject('postgresUrl'))
  pool = new pg.Pool({ connectionString: url })
  pool.on('error', () => {})
  const db = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) })
  await db.$pushSchema()
  await db.user.create({ data: { id: 'bob', name: 'Bob' } })
  const client = db.$use(new PolicyPlugin())
  const slot = `react_${process.pid}`
  live = new ZenStackLive({ client, database: { url }, directory, setUp: true, slot, publication: slot })
  await live.ready()
  app = new Hono().use('/api/live/*', createHonoLiveHandler({ live, getClient: () => client.$setAuth({ id: 'bob', role: 'MEMBER' }) }))
})
afterAll(async () => {
  await live.close()
  await pool.end()
  rmSync(directory, { recursive: true, force: true })
})

describe('a page that was read on a server, against a real edge', () => {
  it('asks for no snapshot, and follows what was committed since', async () => {
    await pool.query(`INSERT INTO "Note" ("ownerId", body, rank, size, at) VALUES ('bob', 'read on the server', 1, 0, now())`)
    const state = await readOnServer()
    await pool.query(`INSERT INTO "Note" ("ownerId", body, rank, size, at) VALUES ('bob', 'written meanwhile', 2, 0, now())`)

    const browser = await openBrowser()
    const wire = recordedFetch()
    const client = createLiveClient(schema, { endpoint: ENDPOINT, fetch: wire.fetch })
    const shown: { bodies: string[]; isDate: boolean; isLive: boolean }[] = []
    const List = (): null => {
      const { data, isLive } = useLiveQuery(client.note.findMany({ orderBy: { rank: 'asc' } }))
      shown.push({ bodies: data?.map(({ body }) => body) ?? [], isDate: data?.[0]?.at instanceof Date, isLive })
      return null
    }
    browser.show(
      createElement(
        QueryClientProvider,
        { client: new QueryClient({ defaultOptions: liveHydration }) },
        createElement(LiveProvider, { client }, createElement(HydrationBoundary, { state }, createElement(List))),
      ),
    )
    expect(shown[0]).toEqual({ bodies: ['read on the server'], isDate: true, isLive: false })
    const until = (bodies: string[]): Promise<void> =>
      vi.waitFor(() => act(async () => expect(shown.at(-1)).toEqual({ bodies, isDate: true, isLive: true })), { timeout: 30_000 })
    await until(['read on the server', 'written meanwhile'])
    await pool.query(`UPDATE "Note" SET body = 'changed', rank = 3 WHERE rank = 1`)
    await until(['written meanwhile', 'changed'])
    const lengths = shown.map(({ bodies }) => bodies.length)
    expect(lengths, 'never empty, never shorter').toEqual(lengths.toSorted((a, b) => a - b))

    expect(wire.requests, 'one stream, and nothing else').toEqual(['POST'])
    expect(wire.received()).toContain('event: ready')
    expect(wire.received()).not.toContain('event: snapshot')
    browser.close()
    client.$close()
  })
})

/** As a server component does: the cache it filled, as JSON. */
async function readOnServer(): Promise<DehydratedState> {
  const queryClient = new QueryClient({ defaultOptions: liveHydration })
  const client = createLiveClient(schema, { endpoint: ENDPOINT })
  await prefetchLiveQuery(queryClient, client.note.findMany({ orderBy: { rank: 'asc' } }), { endpoint: ENDPOINT, fetch: request })
  // It is what `dehydrate` returned.
  return JSON.parse(JSON.stringify(dehydrate(queryClient))) as DehydratedState
}

const request: LiveFetch = async (url, init) => app.fetch(new Request(url, init))

function recordedFetch(): { fetch: LiveFetch; requests: string[]; received(): string } {
  const requests: string[] = []
  let text = ''
  const decoder = new TextDecoder()
  return {
    requests,
    received: () => text,
    async fetch(url, init) {
      requests.push(init?.method ?? 'GET')
      const response = await request(url, init)
      const copy = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          text += decoder.decode(chunk, { stream: true })
          controller.enqueue(chunk)
        },
      })
      return new Response(response.body?.pipeThrough(copy) ?? null, response)
    },
  }
}

/** Just enough of a browser to render in. The whole of happy-dom would put its own `fetch` and streams in place of those that the edge needs. */
async function openBrowser(): Promise<{ show(element: ReactElement): void; close(): void }> {
  const window = new Window()
  vi.stubGlobal('window', window)
  vi.stubGlobal('document', window.document)
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
  const { createRoot } = await import('react-dom/client')
  // Its elements are those of a browser in all that React uses.
  const root = createRoot(window.document.createElement('div') as unknown as Element)
  return {
    show: (element) => act(() => root.render(element)),
    close() {
      act(() => root.unmount())
      vi.unstubAllGlobals()
    },
  }
}
