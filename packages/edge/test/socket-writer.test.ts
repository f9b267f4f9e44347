import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { connect as connectSecurely } from 'node:tls'
import { getRequestListener } from '@hono/node-server'
import { SELF_SIGNED } from '@zenstack-live/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { ChunkWriter } from '../src/streams/chunk-writer.ts'
import { idHead, type IdBlock } from '../src/streams/id-block.ts'
import { loadSocketWriter } from '../src/streams/load-socket-writer.ts'
import { octetsOf } from '../src/streams/octets.ts'
import type { SendEach } from '../src/streams/send-batch.ts'
import type { Sink, SinkEvents } from '../src/streams/sink.ts'
import { streamResponse } from '../src/streams/stream-response.ts'

const sendEach = loadSocketWriter((error) => expect.fail(String(error)))

/** Real sockets, written to as an edge does. Skipped where there is no C compiler. */
describe.skipIf(sendEach === undefined)('the socket writer', () => {
  const ends: (() => void)[] = []
  afterEach(() => {
    for (const end of ends.splice(0)) end()
  })

  const begin = async (setUp: (server: Server) => void = () => {}, isSecure = false) => {
    const sent: number[] = []
    const counting: SendEach = (...given) => {
      sendEach?.(...given)
      sent.push(...given[0].subarray(0, given[1]))
    }
    const metrics = { directWrites: 0 }
    const chunks = new ChunkWriter(metrics, counting)
    const sinks: { sink: Sink; events: string[] }[] = []
    const responses: { end(): unknown }[] = []
    const answer = getRequestListener(async (_, node) => {
      responses.push(node.outgoing)
      const start = (sink: Sink, listen: (events: SinkEvents) => void): void => {
        const events: string[] = []
        listen({ onFull: () => events.push('full'), onRoom: () => events.push('room'), onGone: () => events.push('gone') })
        sinks.push({ sink, events })
      }
      return streamResponse({ node, chunks, start })
    })
    const server = isSecure ? createSecureServer(SELF_SIGNED, answer) : createServer(answer)
    setUp(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    ends.push(() => server.close())
    return { chunks, sinks, sent, metrics, responses, port: (server.address() as AddressInfo).port }
  }

  const read = async (port: number, isSecure = false) => {
    const host = '127.0.0.1'
    const socket = isSecure ? connectSecurely({ port, host, ca: SELF_SIGNED.cert }) : connect({ port, host })
    ends.push(() => socket.destroy())
    let text = ''
    socket.setEncoding('latin1').on('data', (piece: string) => (text += piece))
    socket.on('error', () => {})
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await vi.waitUntil(() => text.includes('\r\n\r\n'))
    return { socket, body: () => text.slice(text.indexOf('\r\n\r\n') + 4) }
  }

  const id = (scope: string): IdBlock => ({ idHead: idHead('1-1'), idScope: octetsOf(scope) })
  const chunkOf = (block: string, scope: string): string => {
    const body = `${block}id: 1-1.${scope}\n\n`
    return `${body.length.toString(16)}\r\n${body}\r\n`
  }

  it('gives each stream its own id, by one call', async () => {
    const { chunks, sinks, sent, metrics, port } = await begin()
    const readers = [await read(port), await read(port), await read(port)]
    for (const [index, { sink }] of sinks.entries()) sink.write([octetsOf('data: é\n\n')], id(`scope-${index}`))
    chunks.forget()
    // Their order is the one in which they came.
    await vi.waitUntil(() => readers.every(({ body }) => body().endsWith('\r\n')))
    expect(readers.map(({ body }) => body())).toEqual([0, 1, 2].map((index) => chunkOf(octetsOf('data: é\n\n'), `scope-${index}`)))
    expect(sent).toEqual(readers.map(({ body }) => body().length))
    expect(metrics.directWrites).toBe(3)
  })

  it('loses and mixes nothing of a reader that stalls, tells that it is full, and goes on past Node when it has drained', async () => {
    const { chunks, sinks, sent, port } = await begin()
    const [slow, quick] = [await read(port), await read(port)]
    const events = sinks[0]?.events
    slow.socket.pause()
    const expected = ['', '']
    // Kernels keep megabytes; what they leave of a chunk is more than Node has room for.
    let isRefused = false
    // Mostly told late; at once, where the last chunk left so little that Node had room for it.
    const isFull = (): boolean => isRefused || events?.includes('full') === true
    for (let round = 0; !isFull() && round < 30; round++) {
      const block = octetsOf(`data: ${round}${'x'.repeat(4_000_000)}\n\n`)
      for (const [index, { sink }] of sinks.entries()) {
        const hasRoom = sink.write([block], id(`s${index}`))
        if (index === 0) isRefused = !hasRoom
        expected[index] += chunkOf(block, `s${index}`)
      }
      chunks.forget()
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(isFull()).toBe(true)
    slow.socket.resume()
    // While the kernel has room again and Node has not: what comes now must not overtake.
    const giveUpAtMs = performance.now() + 10_000
    for (let round = 0; events?.at(-1) !== 'room' && performance.now() < giveUpAtMs; round++) {
      const block = octetsOf(`data: ${round} behind\n\n`)
      sinks[0]?.sink.write([block], id('s0'))
      expected[0] += chunkOf(block, 's0')
      chunks.forget()
      await new Promise((resolve) => setImmediate(resolve))
    }
    // The kernel, too, has room for both.
    const areDone = (): boolean => [slow, quick].every(({ body }, index) => body().length === expected[index]?.length)
    await vi.waitUntil(areDone, { timeout: 10_000 })
    const before = sent.length
    for (const [index, { sink }] of sinks.entries()) {
      sink.write([octetsOf('data: last\n\n')], id(`s${index}`))
      expected[index] += chunkOf('data: last\n\n', `s${index}`)
    }
    chunks.forget()
    expect(sent.slice(before)).toEqual([30, 30])
    await vi.waitUntil(areDone, { timeout: 10_000 })
    for (const [index, { body }] of [slow, quick].entries()) expect(body() === expected[index]).toBe(true)
  })

  it('writes to nobody who has taken the number of a socket that was closed', async () => {
    const { chunks, sinks, sent, port } = await begin()
    const first = await read(port)
    sinks[0]?.sink.write([octetsOf('data: for the first\n\n')], id('first'))
    // Node closes it at once, and the system gives its number to the next.
    const sockets: Socket[] = []
    sinks[0]?.sink.destroy()
    const other = await begin((server) => server.on('connection', (socket) => sockets.push(socket)))
    const next = await read(other.port)
    sinks[0]?.sink.write([octetsOf('data: for the first, too late\n\n')], id('first'))
    chunks.forget()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(next.body()).toBe('')
    expect(first.body()).toBe(chunkOf('data: for the first\n\n', 'first'))
    expect(sent).toEqual([first.body().length, -1])
  })

  it('writes what waits before the end of a stream', async () => {
    const { sinks, port } = await begin()
    const reader = await read(port)
    sinks[0]?.sink.write([octetsOf('data: bye\n\n')], id('one'))
    sinks[0]?.sink.write([octetsOf('retry: 1\n\n')])
    sinks[0]?.sink.end()
    await vi.waitUntil(() => reader.body().endsWith('0\r\n\r\n'))
    expect(reader.body()).toBe(`${chunkOf('data: bye\n\n', 'one')}a\r\nretry: 1\n\n\r\n0\r\n\r\n`)
  })

  it('writes what waits before whoever else ends the response, and nothing behind that', async () => {
    const { sinks, responses, chunks, port } = await begin()
    const reader = await read(port)
    sinks[0]?.sink.write([octetsOf('data: in time\n\n')], id('one'))
    responses[0]?.end()
    sinks[0]?.sink.write([octetsOf('data: late\n\n')], id('one'))
    sinks[0]?.sink.write([octetsOf('data: later\n\n')])
    chunks.forget()
    reader.socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await vi.waitUntil(() => sinks.length === 2)
    sinks[1]?.sink.write([octetsOf('data: next\n\n')], id('two'))
    sinks[0]?.sink.write([octetsOf('data: much too late\n\n')], id('one'))
    chunks.forget()
    await vi.waitUntil(() => reader.body().includes('two'))
    const [first, second] = reader.body().split(/HTTP\/1\.1 200 OK[^]*?\r\n\r\n/)
    expect([first, second]).toEqual([`${chunkOf('data: in time\n\n', 'one')}0\r\n\r\n`, chunkOf('data: next\n\n', 'two')])
  })

  it('writes nothing past TLS', async () => {
    const { chunks, sinks, sent, port } = await begin(() => {}, true)
    const reader = await read(port, true)
    sinks[0]?.sink.write([octetsOf('data: secret\n\n')], id('one'))
    chunks.forget()
    await vi.waitUntil(() => reader.body() !== '')
    expect([reader.body(), sent]).toEqual([chunkOf('data: secret\n\n', 'one'), []])
  })

  it('leaves to Node what Node watches for silence', async () => {
    const { chunks, sinks, sent, port } = await begin((server) => server.setTimeout(60_000))
    const reader = await read(port)
    sinks[0]?.sink.write([octetsOf('data: watched\n\n')], id('one'))
    chunks.forget()
    await vi.waitUntil(() => reader.body() !== '')
    expect([reader.body(), sent]).toEqual([chunkOf('data: watched\n\n', 'one'), []])
  })

  it('refuses to read beyond what it is given', () => {
    const [sockets, chunk, texts] = [new Int32Array([-1]), Buffer.alloc(4), Buffer.alloc(2)]
    expect(() => sendEach?.(sockets, 2, chunk, 0, texts, 1)).toThrow(RangeError)
    expect(() => sendEach?.(sockets, 1, chunk, 3, texts, 2)).toThrow(RangeError)
    expect(() => sendEach?.(sockets, 1, chunk, 0, texts, 3)).toThrow(RangeError)
    expect(() => Reflect.apply(sendEach as SendEach, undefined, [[1], 1, chunk, 0, texts, 1])).toThrow(TypeError)
    sendEach?.(sockets, 1, chunk, 0, texts, 1)
    expect([...sockets]).toEqual([-1])
  })
})

it('is left out where that is asked for, and by other runtimes', () => {
  expect(loadSocketWriter(() => {}, { ZENSTACK_LIVE_NO_SOCKET_WRITER: '1' })).toBeUndefined()
})
