import { Socket } from 'node:net'
import type { ChunkWriter } from './chunk-writer.ts'
import { idBlockOctets, type IdBlock } from './id-block.ts'
import type { Sink, SinkEvents } from './sink.ts'
import { SocketSink, type Outgoing } from './socket-sink.ts'
import { bytesOf, joinOctets, type Octets } from './octets.ts'

/** Node's side of a request, as Hono's node adapter gives it in `c.env`. Only what is used. */
export interface NodeSide {
  incoming: { httpVersionMajor: number; httpVersionMinor: number }
  outgoing: Outgoing
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
        if (sink instanceof SocketSink) {
          sink.takeOver()
          closeQuietly(controller)
        }
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

function closeQuietly(controller: Controller): void {
  try {
    controller.close()
  } catch {
    // Closed or cancelled already.
  }
}
