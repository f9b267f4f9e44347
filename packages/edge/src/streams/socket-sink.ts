import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ChunkSocket, ChunkWriter } from './chunk-writer.ts'
import { asHttpChunk } from './frame-chunks.ts'
import type { IdBlock } from './id-block.ts'
import type { Octets } from './octets.ts'
import type { Sink, SinkEvents } from './sink.ts'

/** Node's side of a response. Only what is used. */
export interface Outgoing {
  readonly headersSent: boolean
  readonly socket: Duplex | null
  end(...given: unknown[]): unknown
  on(event: 'close' | 'error', listener: () => void): unknown
}

/** Writes to the socket itself, already in chunked coding. */
export class SocketSink implements Sink, ChunkSocket {
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
  takeOver(): void {
    const outgoing = this.#outgoing
    let isBodyOver = false
    outgoing.end = (...given) => {
      if (isBodyOver) return this.#endNow(given)
      isBodyOver = true
      return outgoing
    }
    outgoing.on('close', () => this.events?.onGone())
    outgoing.on('error', ignore)
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
