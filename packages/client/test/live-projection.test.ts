import { CLIENT_LIMITS, createLiveClient, type LiveClientOptions, type LiveState } from '@zenstack-live/client'
import { encodeProjectionFrame, encodeRetry, type ProjectionStreamFrame } from '@zenstack-live/protocol'
import { schema } from '@zenstack-live/testing/workspace'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'

interface Cart {
  items: string[]
  note: { text: string }
}

interface Request {
  readonly url: string
  readonly headers: Headers
  send(frame: ProjectionStreamFrame, position?: string): void
  write(text: string): void
  refuse(status: number, code: string): void
  json(body: unknown): void
  cut(): void
  readonly isClosed: boolean
}

let requests: Request[] = []
// The client loads it when it is needed; faked time does not wait for files.
beforeAll(() => import('../src/projection-store.ts'))
beforeEach(() => {
  vi.useFakeTimers()
  requests = []
})
afterEach(() => {
  vi.useRealTimers()
})

const tick = async (ms = 0): Promise<void> => {
  await vi.advanceTimersByTimeAsync(ms)
}

/** A server without a network: what it answers, and when, is the test's choice. */
function fakeFetch(url: string, init: RequestInit = {}): Promise<Response> {
  return new Promise((resolve, reject) => {
    let controller: ReadableStreamDefaultController<Uint8Array> | undefined
    let isOver = false
    const fail = (): void => {
      isOver = true
      if (controller === undefined) reject(new TypeError('cut'))
      else controller.error(new TypeError('cut'))
    }
    init.signal?.addEventListener('abort', fail)
    const write = (text: string): void => {
      if (controller === undefined) {
        const body = new ReadableStream<Uint8Array>({ start: (given) => void (controller = given), cancel: () => void (isOver = true) })
        resolve(new Response(body, { headers: { 'content-type': 'text/event-stream' } }))
      }
      if (text !== '' && !isOver) controller?.enqueue(new TextEncoder().encode(text))
    }
    requests.push({
      url,
      headers: new Headers(init.headers),
      write,
      send: (frame, position) => write(encodeProjectionFrame(frame, position)),
      refuse: (status, code) => resolve(Response.json({ error: { code, message: '' } }, { status })),
      json: (body) => resolve(Response.json(body)),
      cut: fail,
      get isClosed() {
        return isOver
      },
    })
  })
}

const request = (index: number): Request => {
  const found = requests[index]
  if (found === undefined) throw new Error(`There are ${requests.length} requests.`)
  return found
}

function watchCart(options: LiveClientOptions = {}): {
  states: LiveState<Cart>[]
  last(): LiveState<Cart> | undefined
  stop(): void
  live: { $close(): void }
} {
  const live = createLiveClient(schema, { endpoint: 'http://edge/live', fetch: fakeFetch, ...options })
  const states: LiveState<Cart>[] = []
  const stop = live.subscribe(live.projection<Cart>('cart', 'a/b'), (state) => states.push(state))
  return { states, last: () => states.at(-1), stop, live }
}

const snapshot = (position: number, items: string[]): ProjectionStreamFrame => ({
  event: 'snapshot',
  position,
  state: { items, note: { text: 'same' } },
})
const added = (from: number, to: number, index: number, value: string): ProjectionStreamFrame => ({
  event: 'patch',
  from,
  to,
  patch: [{ op: 'add', path: `/items/${index}`, value }],
})

describe('a watched projection', () => {
  it('shows the snapshot, then one state for each patch, sharing what did not change', async () => {
    const { states, last } = watchCart()
    expect(states).toMatchObject([{ status: 'pending', liveStatus: 'connecting' }])
    await tick(10)
    expect(request(0).url).toBe('http://edge/live/$projections/cart/a%2Fb')
    request(0).send(snapshot(4, ['pen']), 'p4')
    await tick()
    expect(last()).toMatchObject({ status: 'success', isLive: true, data: { items: ['pen'] } })
    const before = last()?.data
    request(0).send(added(4, 6, 1, 'ink'), 'p6')
    await tick()
    expect(last()?.data?.items).toEqual(['pen', 'ink'])
    expect(last()?.data?.note).toBe(before?.note)
    expect(states).toHaveLength(3)
  })

  it('goes on from its last position after a cut, and is live as soon as the server knows that position', async () => {
    const { states, last } = watchCart()
    await tick(10)
    request(0).send(snapshot(4, ['pen']), 'p4')
    request(0).send(added(4, 6, 1, 'ink'), 'p6')
    await tick()
    request(0).cut()
    await tick()
    expect(last()).toMatchObject({ liveStatus: 'catching-up', data: { items: ['pen', 'ink'] } })
    await tick(1_000)
    expect(request(1).headers.get('last-event-id')).toBe('p6')
    request(1).write('id: p6\n\n')
    await tick()
    expect(last()?.isLive).toBe(true)
    expect(last()?.data).toBe(states.findLast(({ liveStatus }) => liveStatus === 'catching-up')?.data)
    request(1).send(added(6, 7, 2, 'cap'), 'p7')
    await tick()
    expect(last()?.data?.items).toEqual(['pen', 'ink', 'cap'])
  })

  it('begins again with a snapshot when a patch is not for what it holds', async () => {
    const { last } = watchCart()
    await tick(10)
    request(0).send(snapshot(4, ['pen']), 'p4')
    request(0).send(added(5, 6, 1, 'lost something'), 'p6')
    await tick(1_000)
    expect(request(1).headers.get('last-event-id')).toBeNull()
    expect(last()?.data?.items).toEqual(['pen'])
    request(1).send(snapshot(6, ['pen', 'ink', 'cap']), 'p6')
    await tick()
    expect(last()?.data?.items).toEqual(['pen', 'ink', 'cap'])
  })

  it('shows nothing any more of what it is refused', async () => {
    const { last } = watchCart()
    await tick(10)
    request(0).send(snapshot(4, ['pen']), 'p4')
    await tick()
    request(0).send({ event: 'error', code: 'forbidden', message: '' })
    await tick()
    expect(last()).toMatchObject({ status: 'error', liveStatus: 'denied', data: undefined, error: { code: 'forbidden' } })
    await tick(60_000)
    expect(requests).toHaveLength(1)
  })

  it('is gone when the person changes, and asked for anew', async () => {
    let person = 'ann'
    const { last, live } = watchCart({ identity: () => person })
    await tick(10)
    request(0).send(snapshot(4, ['of ann']), 'p4')
    await tick()
    person = 'bob'
    expect(Reflect.get(live, '$status')).toBeDefined()
    expect(last()?.data).toBeUndefined()
    await tick(10)
    expect(request(1).headers.get('last-event-id')).toBeNull()
    request(0).send(added(4, 5, 1, 'late'), 'p5')
    await tick()
    expect(last()?.data).toBeUndefined()
    request(1).send(snapshot(5, ['of bob']), 'q5')
    await tick()
    expect(last()?.data?.items).toEqual(['of bob'])
  })

  it('comes back after the time that the server asks for', async () => {
    watchCart({ limits: { minBackoffMs: 1, maxBackoffMs: 1 } })
    await tick(10)
    request(0).send(snapshot(4, []), 'p4')
    request(0).write(encodeRetry(5_000))
    request(0).send({ event: 'bye', reason: 'drain' })
    await tick()
    request(0).cut()
    await tick(4_900)
    expect(requests).toHaveLength(1)
    await tick(200)
    expect(requests).toHaveLength(2)
  })

  it('asks every few seconds where streams do not come through', async () => {
    const { last } = watchCart({ limits: { silencesBeforePolling: 1, pollIntervalMs: 1_000 } })
    await tick(10)
    // Taken, but not one byte follows.
    request(0).write('')
    await tick(31_000)
    expect(request(1).headers.get('accept')).toBe('application/json')
    request(1).json({ data: { items: ['asked'], note: { text: 'same' } }, position: 'p1' })
    await tick(1)
    expect(last()).toMatchObject({ liveStatus: 'polling', data: { items: ['asked'] } })
  })

  it('shows nobody what was asked for the person before', async () => {
    let person = 'ann'
    const { states, last, live } = watchCart({ identity: () => person, limits: { silencesBeforePolling: 1 } })
    await tick(10)
    request(0).write('')
    await tick(31_000)
    person = 'bob'
    expect(Reflect.get(live, '$status')).toBeDefined()
    request(1).json({ data: { items: ['of ann'], note: { text: 'same' } }, position: 'p1' })
    await tick(1)
    expect(states.flatMap(({ data }) => data?.items ?? [])).toEqual([])
    request(2).send(snapshot(5, ['of bob']), 'q5')
    await tick()
    expect(last()?.data?.items).toEqual(['of bob'])
  })

  it('is closed some time after the last watcher left', async () => {
    const { stop } = watchCart()
    await tick(10)
    request(0).send(snapshot(4, []), 'p4')
    await tick()
    stop()
    await tick(CLIENT_LIMITS.lingerMs - 1)
    expect(request(0).isClosed).toBe(false)
    await tick(1)
    expect(request(0).isClosed).toBe(true)
    await tick(60_000)
    expect(requests).toHaveLength(1)
  })
})
