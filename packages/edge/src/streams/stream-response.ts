import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ChunkSocket, ChunkWriter } from './chunk-writer.ts'
import { asHttpChunk } from './frame-chunks.ts'
import { idBlockOctets, type IdBlock } from './id-block.ts'
import type { Sink, SinkEvents } from './sink.ts'
import { bytesOf, joinOctets, type Octets } from './octets.ts'

/** Node's side of a request, as Hono's node adapter gives it in `c.env`. Only what is used. */
export interface NodeSide {
  incoming: { httpVersionMajor: number; httpVersionMinor: number }
  outgoing: Outgoing
}

interface Outgoing {
  readonly headersSent: boolean
  readonly socket: Duplex | null
  end(...given: unknown[]): unknown
  on(event: 'close' | 'error', listener: () => void): unknown
}

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  // Proxies and compressing middleware must neither keep, change nor collect what is meant to arrive at once.
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

/** What a web stream may hold before it counts as full; the platform's sockets have buffers of their own. */
const WEB_STREAM_ROOM_BYTES = 64 * 1024

export interface StreamOptions {
  node: NodeSide | undefined
  chunks: ChunkWriter
  /** Called when the stream can be written. @param listen - takes who is told of room and of the end */
  start(this: void, sink: Sink, listen: (events: SinkEvents) => void): void
}

/**
 * A response whose body is written by whoever `start` is given to.
 *
 * On Node with HTTP/1.1 the body's stream never gives a byte: its first `pull` comes after the head is written, with the
 * headers of all middleware, and from then on the blocks go to the socket itself, already in chunked coding, and the body is let go. Anywhere
 * else, and where middleware pulls the body before the head is out, the blocks go through the stream.
 */
export function streamResponse({ node, chunks, start }: StreamOptions): Response {
  let events: SinkEvents | undefined
  /** Let go once it was called: it holds what was asked, and the body lives as long as the stream. */
  let begin: StreamOptions['start'] | undefined = start
  const isRawPossible = node !== undefined && node.incoming.httpVersionMajor === 1 && node.incoming.httpVersionMinor === 1

  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (begin === undefined) return events?.onRoom()
        const outgoing = isRawPossible && node.outgoing.headersSent ? node.outgoing : undefined
        const socket = outgoing?.socket
        // Servers take any duplex stream for a connection: one that is no socket may keep what it is given, and chunks share a buffer.
        const sink = outgoing !== undefined && socket instanceof Socket ? new SocketSink(socket, outgoing, chunks) : new WebSink(controller)
        begin(sink, (given) => {
          events = given
          if (sink instanceof SocketSink) sink.events = given
        })
        begin = undefined
        if (sink instanceof SocketSink) sink.takeOver(controller)
      },
      cancel() {
        events?.onGone()
      },
    },
    { highWaterMark: 0, size: (chunk) => chunk?.byteLength ?? 0 },
  )
  const headers = isRawPossible ? { ...HEADERS, 'transfer-encoding': 'chunked' } : HEADERS
  return new Response(body, { status: 200, headers })
}

type Controller = ReadableStreamDefaultController<Uint8Array>

class SocketSink implements Sink, ChunkSocket {
  // First what each write looks at.
  readonly #chunks: ChunkWriter
  readonly #socket: Socket
  #isWaiting = false
  isBatched = false
  /** The last chunk is written: what came behind it would stand before the next response. */
  #isEnded = false
  /** What the socket has of the system, for as long as it is open. */
  readonly #handle: unknown
  /** Its number; -1 where it is not written to past Node. */
  readonly #descriptor: number
  /** Something waits in Node: what follows has to wait behind it. At first it may be the head. */
  #isBehind = true
  events: SinkEvents | undefined
  readonly #outgoing: Outgoing
  readonly #end: Outgoing['end']

  constructor(socket: Socket, outgoing: Outgoing, chunks: ChunkWriter) {
    this.#socket = socket
    this.#outgoing = outgoing
    this.#end = outgoing.end
    this.#chunks = chunks
    this.#handle = handleOf(socket)
    this.#descriptor = chunks.isDirect ? descriptorOf(socket) : -1
  }

  /**
   * The body ends here, so that nothing of it is kept while the stream lives: it, its reader and what waits for them are a third of the heap that an
   * idle stream takes. The adapter ends the response when the body ends: this once, it does not.
   */
  takeOver(body: Controller): void {
    const outgoing = this.#outgoing
    let isBodyOver = false
    outgoing.end = (...given) => {
      if (isBodyOver) return this.#endNow(given)
      isBodyOver = true
      return outgoing
    }
    outgoing.on('close', () => this.events?.onGone())
    outgoing.on('error', ignore)
    closeQuietly(body)
  }

  get waitingMark(): number {
    return this.#socket.writableLength + unsentBytes(this.#socket)
  }

  write(parts: readonly Octets[], id?: IdBlock): boolean {
    if (this.#isEnded) return true
    if (id !== undefined) return this.#chunks.write(this, parts, id)
    this.#chunks.send()
    return this.give(asHttpChunk(parts))
  }

  get isDirect(): boolean {
    if (this.#descriptor < 0) return false
    if (this.#isBehind) this.#isBehind = this.#socket.writableLength > 0
    return !this.#isBehind
  }

  get descriptor(): number {
    // Closed with the socket, in the same step: its number is another's from then on.
    return handleOf(this.#socket) === this.#handle ? this.#descriptor : -1
  }

  get waitingBytes(): number {
    return this.#socket.writableLength
  }

  give(chunk: Uint8Array | Octets): boolean {
    const hasRoom = typeof chunk === 'string' ? this.#socket.write(chunk, 'latin1') : this.#socket.write(chunk)
    this.#isBehind = true
    if (!hasRoom && !this.#isWaiting) {
      this.#isWaiting = true
      this.#socket.once('drain', () => {
        this.#isWaiting = false
        this.events?.onRoom()
      })
    }
    return hasRoom
  }

  onFull(): void {
    // Not where it has drained meanwhile: nothing would follow.
    if (this.#isWaiting) this.events?.onFull()
  }

  /** Node writes the last chunk. */
  end(): void {
    this.#endNow([])
  }

  destroy(): void {
    this.#chunks.send()
    this.#socket.destroy()
  }

  #endNow(given: unknown[]): unknown {
    this.#chunks.send()
    this.#isEnded = true
    return Reflect.apply(this.#end, this.#outgoing, given)
  }
}

class WebSink implements Sink {
  readonly #controller: Controller

  constructor(controller: Controller) {
    this.#controller = controller
  }

  get waitingMark(): number {
    return Math.max(0, -(this.#controller.desiredSize ?? 0))
  }

  write(parts: readonly Octets[], id?: IdBlock): boolean {
    try {
      this.#controller.enqueue(new Uint8Array(bytesOf(joinOctets(...parts, ...(id === undefined ? [] : [idBlockOctets(id)])))))
    } catch {
      // Cancelled a moment ago; `onGone` tells.
      return true
    }
    return this.waitingMark < WEB_STREAM_ROOM_BYTES
  }

  end(): void {
    closeQuietly(this.#controller)
  }

  destroy(): void {
    try {
      this.#controller.error(new Error('The reader was too slow.'))
    } catch {
      // Closed already.
    }
  }
}

/**
 * What the kernel has not taken yet of the write that is under way: Node's own idle timeout goes by it, but it has no public name. Where
 * that changes, only whole writes count.
 */
function unsentBytes(socket: Socket): number {
  const handle = handleOf(socket)
  const bytes: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'writeQueueSize') : undefined
  return typeof bytes === 'number' ? bytes : 0
}

/**
 * Of a plain connection of Node's: one under TLS has a descriptor too, which takes what nobody has encrypted, and is closed before its handle is let go. Who has
 * asked Node to watch for silence is served by Node, which does not see what is written past it.
 */
function descriptorOf(socket: Socket): number {
  const handle = handleOf(socket)
  const isPlain = Object.getPrototypeOf(socket) === Socket.prototype && (socket.timeout ?? 0) === 0
  if (!isPlain || typeof handle !== 'object' || handle === null) return -1
  const fd: unknown = Reflect.get(handle, 'fd')
  return typeof fd === 'number' ? fd : -1
}

function handleOf(socket: Socket): unknown {
  return (socket as { readonly _handle?: unknown })._handle
}

/** The end of the connection tells. */
function ignore(): void {}

function closeQuietly(controller: Controller): void {
  try {
    controller.close()
  } catch {
    // Closed or cancelled already.
  }
}
