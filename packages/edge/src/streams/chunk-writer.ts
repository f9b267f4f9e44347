import type { IdBlock } from './id-block.ts'
import type { Metrics } from '../operations/metrics.ts'
import { bytesOf, joinOctets, octetsOf, type Octets } from './octets.ts'
import { SendBatch, WIDEST, type DirectSocket, type SendEach } from './send-batch.ts'

/*
 * <length>\r\n  <frames>  id: <place>.  <scope>  \n\n\r\n
 *
 * What one batch brings is mostly the same for many connections, but for the scope, which is short and of one length. So they share one
 * buffer: each write puts its scope in, and gives it to the kernel, which copies it at once. Where the kernel does not take all of it, the
 * buffer is the socket's until it has, and whoever comes next gets another.
 *
 * One write of one piece: a gathering write of shared pieces costs more than to copy some hundred bytes, and a write of each far more. With
 * the optional socket writer, all that get the same are one call; it is made when one comes that gets something else, or when the turn ends.
 */
const TAIL = octetsOf('\n\n\r\n')

/** What of a socket is used. */
export interface ChunkSocket extends DirectSocket {
  /** Whether it may be written to past Node: nothing of before waits there. */
  readonly isDirect: boolean
  /** Bytes that were given and are not the kernel's yet. */
  readonly waitingBytes: number
}

interface Shared {
  readonly parts: readonly Octets[]
  readonly idHead: Octets
  readonly scopeLength: number
  readonly buffer: Buffer
}

/** Writes chunks of HTTP/1.1's chunked coding. */
export class ChunkWriter {
  /** The newest chunk that begins with a frame. */
  #shared = new Map<Octets, Shared>()
  /** That of the last write: mostly it is the next one's too. */
  #last: Shared | undefined
  /** Sockets that wait to be sent the same chunk. */
  readonly #batch: SendBatch | undefined
  #isSendPlanned = false
  /** Made once, and not where it is planned: a function whose closure holds `this` or a parameter makes a scope at each call. */
  readonly #sendPlanned = (): void => {
    this.#isSendPlanned = false
    this.send()
  }
  readonly #metrics: Pick<Metrics, 'directWrites'>

  /** @param sendEach - writes to many sockets past Node */
  constructor(metrics: Pick<Metrics, 'directWrites'>, sendEach?: SendEach) {
    this.#metrics = metrics
    this.#batch = sendEach === undefined ? undefined : new SendBatch(sendEach)
  }

  get isDirect(): boolean {
    return this.#batch !== undefined
  }

  /**
   * @returns whether there is room for more, as far as that is known now
   * @see https://www.rfc-editor.org/rfc/rfc9112.html#section-7.1
   */
  write(socket: ChunkSocket, parts: readonly Octets[], id: IdBlock): boolean {
    const batch = this.#batch
    const shared = this.#sharedFor(parts, id)
    // What waits may have to come before it, or be the same buffer.
    if (batch !== undefined && !(socket.isDirect && batch.takes(socket, shared.buffer))) this.send()
    const { idHead, idScope } = id
    if (batch !== undefined && socket.isDirect && idScope.length <= WIDEST) {
      batch.add(socket, shared.buffer, scopeAt(shared), idScope)
      if (batch.isFull) this.send()
      else this.#planSend()
      return true
    }
    shared.buffer.write(idScope, scopeAt(shared), 'latin1')
    const hasRoom = socket.give(shared.buffer)
    if (socket.waitingBytes > 0) this.#giveAway(parts[0] ?? idHead)
    return hasRoom
  }

  /** Sends what waits. */
  send(): void {
    if (this.#batch === undefined || this.#batch.size === 0) return
    this.#metrics.directWrites += this.#batch.send()
  }

  /** Nothing of the batch is needed any more. */
  forget(): void {
    this.send()
    // Another one: a table that is cleared keeps what it held, and the next table, until a full collection.
    this.#shared = new Map()
    this.#last = undefined
  }

  /** Not all who write say when they are done. */
  #planSend(): void {
    if (this.#isSendPlanned) return
    this.#isSendPlanned = true
    queueMicrotask(this.#sendPlanned)
  }

  #sharedFor(parts: readonly Octets[], id: IdBlock): Shared {
    const last = this.#last
    if (last !== undefined && isAlike(last, parts, id)) return last
    const first = parts[0] ?? id.idHead
    let shared = this.#shared.get(first)
    if (shared === undefined || !isAlike(shared, parts, id)) this.#shared.set(first, (shared = begin(parts, id)))
    return (this.#last = shared)
  }

  #giveAway(first: Octets): void {
    this.#shared.delete(first)
    this.#last = undefined
  }
}

function scopeAt({ buffer, scopeLength }: Shared): number {
  return buffer.length - TAIL.length - scopeLength
}

function isAlike(shared: Shared, parts: readonly Octets[], { idHead, idScope }: IdBlock): boolean {
  if (shared.idHead !== idHead || shared.scopeLength !== idScope.length) return false
  if (shared.parts === parts) return true
  if (shared.parts.length !== parts.length) return false
  for (let index = 0; index < parts.length; index++) if (shared.parts[index] !== parts[index]) return false
  return true
}

function begin(parts: readonly Octets[], { idHead, idScope }: IdBlock): Shared {
  // `TAIL` without what ends the chunk.
  let length = idHead.length + idScope.length + TAIL.length - 2
  for (const part of parts) length += part.length
  const buffer = bytesOf(joinOctets(octetsOf(`${length.toString(16)}\r\n`), ...parts, idHead, idScope, TAIL))
  return { parts, idHead, scopeLength: idScope.length, buffer }
}
