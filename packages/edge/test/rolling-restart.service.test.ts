import { setTimeout as sleep } from 'node:timers/promises'
import { createEdge, createHonoLiveHandler, type Edge } from '@zenstack-live/edge'
import type { QueryId } from '@zenstack-live/protocol'
import { schema } from '@zenstack-live/testing/workspace'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { openStream, wire, type HeldQuery, type TestStream } from './support/read-stream.ts'
import { clientOfHeader, startEdge, type RunningEdge } from './support/start-edge.ts'
import { createWorkspace, seedWorkspace, type Workspace } from './support/workspace.ts'

const NOTES = wire('Note', 'findMany', { where: { ownerId: 'bob' } })
const COUNT = wire('Note', 'count', { where: { ownerId: 'bob' } })
const READERS = 3
const PATIENCE_MS = 30_000

describe('two edges that are restarted one after the other', () => {
  let workspace: Workspace
  let running: RunningEdge
  let base: string
  const edges: Edge[] = []
  const readers: RollingReader[] = []
  const start = (): Promise<Edge> =>
    createEdge({ schema, log: running.log, database: { url: workspace.url }, secret: 'shared by all edges of one log' })

  beforeAll(async () => {
    workspace = await createWorkspace(inject('postgresUrl'))
    await seedWorkspace(workspace)
    let turn = 0
    running = await startEdge(workspace, {
      mount: (app) =>
        app.use(
          '/balanced/*',
          // A balancer that has not noticed yet who is going away.
          createHonoLiveHandler({
            live: { edge: async () => edges[turn++ % edges.length] ?? running.edge },
            getClient: (c) => clientOfHeader(workspace, c.req.header('x-user')),
          }),
        ),
    })
    base = new URL('/balanced', running.base).href
    edges.push(await start(), await start())
  })
  afterAll(async () => {
    for (const reader of readers) reader.close()
    for (const edge of edges) await edge.close()
    await running.close()
    await workspace.close()
  })

  it('lose nothing and tell nothing twice while writes go on, and send readers back at different times', async () => {
    const incremental = Array.from({ length: READERS }, () => followAcross(base, [NOTES]))
    const both = Array.from({ length: READERS }, () => followAcross(base, [NOTES, COUNT]))
    readers.push(...incremental, ...both)
    await vi.waitUntil(() => readers.every((reader) => reader.isReady), { timeout: PATIENCE_MS })
    let written = 0
    const over = new AbortController()
    const writing = (async () => {
      while (!over.signal.aborted) await workspace.db.note.create({ data: { ownerId: 'bob', body: `note ${written++}` } })
    })()
    const spreads: number[] = []
    for (const [index, edge] of edges.entries()) {
      const before = written
      const drainedAtMs = performance.now()
      await edge.drain()
      await edge.close()
      edges[index] = await start()
      await vi.waitUntil(() => readers.every((reader) => reader.isReady) && written > before + 5, { timeout: PATIENCE_MS })
      const cameBackAtMs = readers.flatMap((reader) => reader.cameBackAtMs).filter((atMs) => atMs >= drainedAtMs)
      expect(cameBackAtMs.length).toBeGreaterThan(1)
      spreads.push(Math.max(...cameBackAtMs) - Math.min(...cameBackAtMs))
    }
    over.abort()
    await writing
    const bodies = Array.from({ length: written }, (_, index) => `note ${index}`)
    await vi.waitUntil(() => readers.every(({ bodies: held }) => held.length >= written) && both.every(({ count }) => count === written), {
      timeout: PATIENCE_MS,
    })
    for (const reader of incremental) expect(reader.entered.toSorted(byNumber)).toEqual(bodies)
    for (const reader of readers) {
      expect(reader.bodies.toSorted(byNumber)).toEqual(bodies)
      // Everything after the first snapshot came as changes, and a count as its new value.
      expect(reader.resets).toEqual([])
    }
    // Every stream was on one of the two, and each went away once.
    const retries = readers.flatMap((reader) => reader.retries)
    expect(retries.length).toBeGreaterThanOrEqual(readers.length)
    expect(new Set(retries).size).toBeGreaterThan(1)
    // They come back over three seconds, by chance: once in a hundred thousand times three of them do within a tenth of one, twice.
    expect(Math.max(...spreads)).toBeGreaterThan(100)
  })
})

interface RollingReader {
  readonly isReady: boolean
  /** Bodies of the notes that entered its result, as often as it was told. */
  readonly entered: string[]
  readonly bodies: string[]
  readonly count: unknown
  readonly resets: string[]
  readonly retries: string[]
  readonly cameBackAtMs: readonly number[]
  close(): void
}

/** Comes back with its positions when it was told to, wherever it is let in. */
function followAcross(base: string, wires: readonly (typeof NOTES)[]): RollingReader {
  const held = new Map<QueryId, HeldQuery>()
  const streams: TestStream[] = []
  const cameBackAtMs: number[] = []
  let isClosed = false
  const open = async (lastEventId: string | undefined): Promise<void> => {
    const queries = wires.map((query) => {
      const ticket = held.get(query.q)?.ticket
      return ticket === undefined ? query : { ...query, ticket }
    })
    const stream = await openStream({ base, user: 'bob', queries, held, ...(lastEventId === undefined ? {} : { lastEventId }) })
    streams.push(stream)
    await stream.until(() => stream.isEnded, 'the end', 2 * PATIENCE_MS)
    await sleep(Number(retriesOf(stream).at(-1) ?? 0))
    if (isClosed) return
    cameBackAtMs.push(performance.now())
    await open(stream.lastEventId === '' ? lastEventId : stream.lastEventId)
  }
  open(undefined).catch(() => {})
  return {
    get isReady() {
      const last = streams.at(-1)
      return last !== undefined && !last.isEnded && last.frames.filter(({ event }) => event === 'ready').length === wires.length
    },
    get entered() {
      return streams.flatMap(({ frames }) =>
        frames.flatMap((frame) =>
          frame.event === 'change' ? frame.ops.flatMap((one) => (one.op === 'enter' ? [String(Reflect.get(Object(one.row), 'body'))] : [])) : [],
        ),
      )
    },
    get bodies() {
      return (held.get(NOTES.q)?.rows ?? []).map(({ row }) => String(row['body']))
    },
    get count() {
      return held.get(COUNT.q)?.value
    },
    get resets() {
      return streams.flatMap(({ frames }) => frames.flatMap((frame) => (frame.event === 'reset' ? [frame.reason] : [])))
    },
    get retries() {
      return streams.flatMap(retriesOf)
    },
    cameBackAtMs,
    close() {
      isClosed = true
      for (const stream of streams) stream.close()
    },
  }
}

function byNumber(a: string, b: string): number {
  return Number(a.slice(5)) - Number(b.slice(5))
}

function retriesOf({ text }: TestStream): string[] {
  return [...text.matchAll(/retry: (\d+)/g)].map(([, ms = '']) => ms)
}
