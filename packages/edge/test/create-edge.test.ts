import { LIMITS } from '@zenstack-live/protocol'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createEdge } from '../src/create-edge.ts'
import type { Edge, EdgeOptions, OpenEdge } from '../src/open-edge.ts'

const opening = vi.hoisted(() => vi.fn())
vi.mock('../src/open-edge.ts', () => ({ openEdge: opening }))

/** An edge on the tables as they were when it was opened. */
interface Opening {
  open(): void
  fail(): void
  tablesChange(): void
  close: ReturnType<typeof vi.fn<() => Promise<void>>>
}

describe('an edge whose tables change', () => {
  const openings: Opening[] = []

  beforeEach(() => {
    vi.useFakeTimers()
    openings.length = 0
    opening.mockImplementation(() => {
      const opened = Promise.withResolvers<OpenEdge>()
      const { promise: otherTables, resolve: tablesChange } = Promise.withResolvers<void>()
      const number = openings.length + 1
      const edge = { handle: async () => new Response(`edge ${number}`), otherTables, sendAway: () => {}, close: vi.fn(async () => {}) }
      openings.push({
        open: () => opened.resolve(edge as Pick<OpenEdge, keyof typeof edge> as OpenEdge),
        fail: () => opened.reject(new Error('away')),
        tablesChange,
        close: edge.close,
      })
      return opened.promise
    })
  })
  afterEach(() => void vi.useRealTimers())

  const begin = async (): Promise<Edge> => {
    const edge = createEdge({} as EdgeOptions)
    openings[0]?.open()
    return edge
  }
  const isOpening = async (number: number): Promise<Opening> => {
    await vi.advanceTimersByTimeAsync(1_000)
    const last = openings.at(-1)
    if (last === undefined || openings.length !== number) throw new Error(`${openings.length} were opened, not ${number}`)
    return last
  }
  const answer = async (edge: Edge): Promise<string> => {
    const response = edge.handle(new Request('http://localhost'), { path: '', getClient: () => undefined as never })
    await vi.advanceTimersByTimeAsync(LIMITS.databaseTimeoutMs)
    return (await response).text()
  }

  it('serves newcomers while the one before still waits for what it asked, and is closed when that is', async () => {
    const edge = await begin()
    const asked = Promise.withResolvers<void>()
    openings[0]?.close.mockReturnValue(asked.promise)
    openings[0]?.tablesChange()
    ;(await isOpening(2)).open()
    expect(await answer(edge)).toBe('edge 2')
    let isClosed = false
    const closing = edge.close().then(() => (isClosed = true))
    await vi.advanceTimersByTimeAsync(1_000)
    expect([isClosed, openings[1]?.close.mock.calls.length]).toEqual([false, 1])
    asked.resolve()
    await closing
  })

  it('follows every change, also behind one at which the tables could not be read at once', async () => {
    const edge = await begin()
    openings[0]?.tablesChange()
    const failing = await isOpening(2)
    failing.tablesChange()
    failing.fail()
    for (const number of [3, 4]) {
      const next = await isOpening(number)
      next.open()
      expect(await answer(edge)).toBe(`edge ${number}`)
      next.tablesChange()
    }
    ;(await isOpening(5)).open()
    expect(await answer(edge)).toBe('edge 5')
    expect(openings.map(({ close }) => close.mock.calls.length)).toEqual([1, 0, 1, 1, 0])
  })

  it('lets requests wait for databaseTimeoutMs while the tables are read, and no longer', async () => {
    const edge = await begin()
    openings[0]?.tablesChange()
    const reading = await isOpening(2)
    const statuses: number[] = []
    const ask = (): void =>
      void edge.handle(new Request('http://localhost'), { path: '', getClient: () => undefined as never }).then(({ status }) => statuses.push(status))
    ask()
    await vi.advanceTimersByTimeAsync(LIMITS.databaseTimeoutMs - 1)
    expect(statuses).toEqual([])
    ask()
    await vi.advanceTimersByTimeAsync(1)
    expect(statuses).toEqual([503])
    reading.open()
    await vi.advanceTimersByTimeAsync(0)
    expect(statuses).toEqual([503, 200])
  })

  it('follows one that came while it was opened first', async () => {
    const starting = createEdge({} as EdgeOptions)
    openings[0]?.tablesChange()
    openings[0]?.open()
    const edge = await starting
    ;(await isOpening(2)).open()
    expect([await answer(edge), openings[0]?.close.mock.calls.length]).toEqual(['edge 2', 1])
  })
})
