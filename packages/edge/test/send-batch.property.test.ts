import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChunkWriter, type ChunkSocket } from '../src/streams/chunk-writer.ts'
import { idHead } from '../src/streams/id-block.ts'
import { octetsOf } from '../src/streams/octets.ts'
import type { SendEach } from '../src/streams/send-batch.ts'

/** A socket and its kernel, which takes so much of each write as it is told, and of what Node has kept, when it is asked. */
class ModelSocket implements ChunkSocket {
  received = ''
  #kept = ''
  isClosed = false
  isBatched = false
  takes = Infinity
  /** Who is told may write. */
  whenFull: () => void = () => {}
  readonly number: number

  constructor(number: number) {
    this.number = number
  }

  get descriptor(): number {
    return this.isClosed ? -1 : this.number
  }

  get isDirect(): boolean {
    return this.#kept === ''
  }

  get waitingBytes(): number {
    return this.#kept.length
  }

  /** By Node: behind what it keeps. */
  give(chunk: Uint8Array): boolean {
    this.#kept += Buffer.from(chunk).toString('latin1')
    if (this.#kept.length === chunk.length) this.#kept = this.#kept.slice(this.take(chunk))
    return this.#kept === ''
  }

  onFull(): void {
    this.whenFull()
  }

  /** By the kernel. */
  take(chunk: Uint8Array): number {
    const taken = Buffer.from(chunk).toString('latin1').slice(0, this.takes)
    this.received += taken
    return taken.length
  }

  drain(): void {
    this.received += this.#kept
    this.#kept = ''
  }
}

/** What the addon does, by its documentation. */
function modelSendEach(sockets: readonly ModelSocket[], calls: number[]): SendEach {
  return (descriptors, count, chunk, at, texts, width) => {
    calls.push(count)
    for (let index = 0; index < count; index++) {
      chunk.set(texts.subarray(index * width, (index + 1) * width), at)
      const socket = sockets.find(({ number }) => number === descriptors[index])
      descriptors[index] = socket === undefined ? -1 : socket.take(chunk)
    }
  }
}

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      socket: fc.nat({ max: 3 }),
      parts: fc.array(fc.nat({ max: 2 }), { maxLength: 2 }),
      scope: fc.constantFrom('abc', 'xyz', 'a', 'w'.repeat(65)),
    }),
  },
  fc.record({ kind: fc.constantFrom('drain' as const, 'close' as const), socket: fc.nat({ max: 3 }) }),
  fc.record({ kind: fc.constant('takes' as const), socket: fc.nat({ max: 3 }), bytes: fc.constantFrom(0, 1, 7, 20, Infinity) }),
  fc.record({ kind: fc.constantFrom('send' as const, 'forget' as const, 'turn' as const) }),
)

describe('chunks written past Node', () => {
  it('arrive whole and in order at each socket that is open, whatever the kernel takes of them, and nowhere else', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const sockets = Array.from({ length: 4 }, (_, number) => new ModelSocket(number))
        const chunks = new ChunkWriter({ directWrites: 0 }, modelSendEach(sockets, []))
        const blocks = ['one\n\n', 'two é\n\n', 'three\n\n'].map(octetsOf)
        const expected = sockets.map(() => '')
        const write = (to: ModelSocket, given: readonly number[], scope: string): void => {
          const parts = given.map((part) => blocks[part] ?? octetsOf(''))
          const body = `${parts.join('')}id: 1-1.${scope}\n\n`
          expected[to.number] += `${body.length.toString(16)}\r\n${body}\r\n`
          chunks.write(to, parts, { idHead: HEAD, idScope: octetsOf(scope) })
        }
        for (const [index, socket] of sockets.entries()) {
          let times = 0
          const next = sockets[(index + 1) % sockets.length]
          socket.whenFull = () => next?.isClosed === false && times++ < 3 && write(next, [times % 3], 'abc')
        }
        for (const each of steps) {
          const socket = 'socket' in each ? sockets[each.socket] : undefined
          if (each.kind === 'write' && socket?.isClosed === false) write(socket, each.parts, each.scope)
          if (each.kind === 'drain') socket?.drain()
          if (each.kind === 'takes' && socket !== undefined) socket.takes = each.bytes
          if (each.kind === 'close' && socket !== undefined) socket.isClosed = true
          if (each.kind === 'send') chunks.send()
          if (each.kind === 'forget') chunks.forget()
          // Nobody says that it is over: it is sent all the same.
          if (each.kind === 'turn') await Promise.resolve()
        }
        // What is written by those who are told that they are full comes after that.
        for (let turn = 0; turn < 20; turn++) await Promise.resolve()
        for (const [index, socket] of sockets.entries()) {
          socket.drain()
          if (socket.isClosed) expect(expected[index]?.startsWith(socket.received)).toBe(true)
          else expect(socket.received).toBe(expected[index])
        }
      }),
      { numRuns: 3_000, examples: [[TWICE]] },
    )
  })

  it('are written by Node, and not counted, where the addon throws', () => {
    const sockets = [new ModelSocket(0), new ModelSocket(1)]
    const metrics = { directWrites: 0 }
    const chunks = new ChunkWriter(metrics, () => {
      throw new TypeError('of another version')
    })
    for (const socket of sockets) chunks.write(socket, [octetsOf('same\n\n')], { idHead: HEAD, idScope: octetsOf('abc') })
    chunks.send()
    expect([metrics.directWrites, ...sockets.map(({ received }) => received.endsWith('id: 1-1.abc\n\n\r\n'))]).toEqual([0, true, true])
  })

  it('are one call for all that get the same, and one more for each kind after it', async () => {
    const sockets = Array.from({ length: 9_000 }, (_, number) => new ModelSocket(number))
    const calls: number[] = []
    const chunks = new ChunkWriter({ directWrites: 0 }, modelSendEach(sockets, calls))
    for (const socket of sockets) chunks.write(socket, [octetsOf('same\n\n')], { idHead: HEAD, idScope: octetsOf('abc') })
    for (const socket of sockets.slice(0, 2)) chunks.write(socket, [octetsOf('other\n\n')], { idHead: HEAD, idScope: octetsOf('abc') })
    await Promise.resolve()
    expect(calls).toEqual([8192, 808, 2])
  })
})

const HEAD = idHead('1-1')

/** One socket twice in a turn, and a kernel that takes more of the second than of the first. */
const TWICE: (typeof step extends fc.Arbitrary<infer Step> ? Step : never)[] = [
  { kind: 'write', socket: 3, parts: [2], scope: 'a' },
  { kind: 'write', socket: 3, parts: [2], scope: 'a' },
  { kind: 'takes', socket: 3, bytes: 1 },
]
