import type { Socket } from 'node:net'
import { asHttpChunk } from './frame-chunks.ts'
import type { Sink, SinkEvents } from './sink.ts'

/** Node's side of a request, as Hono's node adapter gives it in `c.env`. Only what is used. */
export interface NodeSide {
  incoming: { httpVersionMajor: number; httpVersionMinor: number }
  outgoing: { readonly headersSent: boolean; readonly socket: Socket | null }
}

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  // Proxies and compressing middleware must neither keep, change nor collect what is meant to arrive at once.
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

/** What a web stream may hold before it counts as full; the platform's sockets have buffers of their own. */
const WEB_STREAM_ROOM_BYTES = 64 * 1024

/**
 * A response whose body is written by whoever `start` is given to.
 *
 * On Node with HTTP/1.1 the body's stream never gives a byte: its first `pull` comes after the head is written, with the
 * headers of all middleware, and from then on the blocks go to the socket itself, already in chunked coding. Anywhere else, and
 * where middleware pulls the body before the head is out, the blocks go through the stream.
 */
export function streamResponse(node: NodeSide | undefined, start: (sink: Sink, events: (events: SinkEvents) => void) => void): Response {
  let events: SinkEvents | undefined
  let socketSink: Sink | undefined
  let hasStarted = false
  const isRawPossible = node !== undefined && node.incoming.httpVersionMajor === 1 && node.incoming.httpVersionMinor === 1
  let resolvePull: (() => void) | undefined

  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (!hasStarted) {
          hasStarted = true
          const socket = isRawPossible && node.outgoing.headersSent ? node.outgoing.socket : null
          const sink = socket === null ? webSink(controller) : (socketSink = createSocketSink(socket, controller, () => events?.onRoom()))
          start(sink, (given) => (events = given))
        } else events?.onRoom()
        // With a socket nothing will ever come through here; the reader waits until the stream is closed.
        if (socketSink !== undefined) return new Promise<void>((resolve) => (resolvePull = resolve))
        return undefined
      },
      cancel() {
        events?.onGone()
        resolvePull?.()
      },
    },
    { highWaterMark: 0, size: (chunk) => chunk?.byteLength ?? 0 },
  )
  const headers = isRawPossible ? { ...HEADERS, 'transfer-encoding': 'chunked' } : HEADERS
  return new Response(body, { status: 200, headers })
}

function createSocketSink(socket: Socket, controller: ReadableStreamDefaultController<Uint8Array>, onRoom: () => void): Sink {
  let isWaiting = false
  const onDrain = (): void => {
    isWaiting = false
    onRoom()
  }
  return {
    write(parts) {
      const hasRoom = socket.write(asHttpChunk(parts))
      if (!hasRoom && !isWaiting) {
        isWaiting = true
        socket.once('drain', onDrain)
      }
      return hasRoom
    },
    get bufferedBytes() {
      return socket.writableLength
    },
    // Closing the stream lets the adapter end the response: it writes the last chunk.
    end: () => closeQuietly(controller),
    destroy: () => void socket.destroy(),
  }
}

function webSink(controller: ReadableStreamDefaultController<Uint8Array>): Sink {
  const waiting = (): number => Math.max(0, -(controller.desiredSize ?? 0))
  return {
    write(parts) {
      try {
        controller.enqueue(new Uint8Array(Buffer.concat(parts)))
      } catch {
        // Cancelled a moment ago; `onGone` tells.
        return true
      }
      return waiting() < WEB_STREAM_ROOM_BYTES
    },
    get bufferedBytes() {
      return waiting()
    },
    end: () => closeQuietly(controller),
    destroy() {
      try {
        controller.error(new Error('The reader was too slow.'))
      } catch {
        // Closed already.
      }
    },
  }
}

function closeQuietly(controller: ReadableStreamDefaultController<Uint8Array>): void {
  try {
    controller.close()
  } catch {
    // Closed or cancelled already.
  }
}
