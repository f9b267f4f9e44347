import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { render, screen } from '@testing-library/react'
import { encodeProjectionFrame, type ProjectionStreamFrame } from '@zenstack-live/protocol'
import { createLiveClient, LiveProvider, useProjection } from '@zenstack-live/react'
import { schema } from '@zenstack-live/testing/workspace'
import { StrictMode, type ReactElement } from 'react'
import { renderToString } from 'react-dom/server'
import { beforeEach, describe, expect, it, vi } from 'vitest'

interface Cart {
  items: string[]
}

let streams: ReadableStreamDefaultController<Uint8Array>[] = []
let urls: string[] = []
beforeEach(() => {
  streams = []
  urls = []
})

const fakeFetch = async (url: string): Promise<Response> => {
  urls.push(url)
  return new Response(new ReadableStream<Uint8Array>({ start: (controller) => void streams.push(controller) }), {
    headers: { 'content-type': 'text/event-stream' },
  })
}

const PATIENCE = { timeout: 30_000 }

async function send(stream: number, frame: ProjectionStreamFrame, position: string): Promise<void> {
  await vi.waitUntil(() => streams[stream] !== undefined, PATIENCE)
  streams[stream]?.enqueue(new TextEncoder().encode(encodeProjectionFrame(frame, position)))
}

async function shows(text: string): Promise<void> {
  await screen.findByText(text, {}, PATIENCE)
}

const live = (): ReturnType<typeof createLiveClient<typeof schema>> => createLiveClient(schema, { endpoint: 'http://edge/live', fetch: fakeFetch })

function withClient(client: ReturnType<typeof live>, children: ReactElement): ReactElement {
  return (
    <StrictMode>
      <QueryClientProvider client={new QueryClient()}>
        <LiveProvider client={client}>{children}</LiveProvider>
      </QueryClientProvider>
    </StrictMode>
  )
}

describe('useProjection', () => {
  it('shows the state, renders once for each event, and asks once however often it is rendered', async () => {
    const client = live()
    let renders = 0
    function Shown(): ReactElement {
      const { data, status, isLive, isSuccess } = useProjection(client.projection<Cart>('cart', 'c1'))
      renders++
      return (
        <p>
          {status} {String(isLive)} {String(isSuccess)} {data?.items.join(',')}
        </p>
      )
    }
    render(withClient(client, <Shown />))
    await send(0, { event: 'snapshot', position: 1, state: { items: ['pen'] } }, 'p1')
    await shows('success true true pen')
    const before = renders
    await send(0, { event: 'patch', from: 1, to: 2, patch: [{ op: 'add', path: '/items/1', value: 'ink' }] }, 'p2')
    await shows('success true true pen,ink')
    // Strict Mode renders twice.
    expect(renders - before).toBe(2)
    expect(urls).toEqual(['http://edge/live/$projections/cart/c1'])
    client.$close()
  })

  it('asks nothing for a falsy projection, and follows when another is named', async () => {
    const client = live()
    function Shown({ id }: { id: string | undefined }): ReactElement {
      const { data, liveStatus } = useProjection(id !== undefined && client.projection<Cart>('cart', id))
      return (
        <p>
          {liveStatus} {data?.items.join(',')}
        </p>
      )
    }
    const { rerender } = render(withClient(client, <Shown id={undefined} />))
    expect(screen.getByText('idle')).toBeDefined()
    expect(urls).toEqual([])
    rerender(withClient(client, <Shown id="c1" />))
    await send(0, { event: 'snapshot', position: 1, state: { items: ['one'] } }, 'p1')
    await shows('live one')
    rerender(withClient(client, <Shown id="c2" />))
    expect(screen.queryByText('live one')).toBeNull()
    await send(1, { event: 'snapshot', position: 1, state: { items: ['two'] } }, 'p1')
    await shows('live two')
    client.$close()
  })

  it('opens nothing on a server', () => {
    const client = live()
    function Shown(): ReactElement {
      return <p>{useProjection(client.projection<Cart>('cart', 'c1')).status}</p>
    }
    expect(renderToString(withClient(client, <Shown />))).toContain('pending')
    expect(urls).toEqual([])
  })
})
