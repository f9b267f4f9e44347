import { createServer } from 'node:http'
import { Duplex } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import { expect, it, vi } from 'vitest'
import { ChunkWriter } from '../src/streams/chunk-writer.ts'
import { idHead } from '../src/streams/id-block.ts'
import { octetsOf } from '../src/streams/octets.ts'
import type { Sink } from '../src/streams/sink.ts'
import { streamResponse } from '../src/streams/stream-response.ts'

/** A connection that is no socket: it says at once that it took what it was given, and passes it on later. */
class Tunnel extends Duplex {
  readonly #given: Buffer[] = []

  override _read(): void {}

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.#given.push(chunk)
    done()
  }

  passOn(): string {
    return Buffer.concat(this.#given).toString('utf8')
  }
}

it('gives each reader their own id, also over connections that keep the buffers they were given', async () => {
  const chunks = new ChunkWriter({ directWrites: 0 })
  const sinks: Sink[] = []
  const start = (sink: Sink): void => void sinks.push(sink)
  const server = createServer(getRequestListener(async (_, node) => streamResponse({ node, chunks, start })))
  const tunnels = [new Tunnel(), new Tunnel()]
  for (const tunnel of tunnels) {
    server.emit('connection', tunnel)
    tunnel.push('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
  }
  await vi.waitUntil(() => sinks.length === 2)
  const parts = [octetsOf('data: the same\n\n')]
  for (const [index, scope] of ['ann', 'bob'].entries()) sinks[index]?.write(parts, { idHead: idHead('1-1'), idScope: octetsOf(scope) })
  await vi.waitUntil(() => tunnels.every((tunnel) => tunnel.passOn().includes('id: ')))
  expect(tunnels.map((tunnel) => /id: 1-1\.(\w+)/.exec(tunnel.passOn())?.[1]).toSorted((a = '', b = '') => a.localeCompare(b))).toEqual([
    'ann',
    'bob',
  ])
  for (const tunnel of tunnels) tunnel.destroy()
})
