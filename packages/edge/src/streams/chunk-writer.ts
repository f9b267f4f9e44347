import type { IdBlock } from './id-block.ts'
import { bytesOf, joinOctets, octetsOf, type Octets } from './octets.ts'

/*
 * <length>\r\n  <frames>  id: <place>.  <scope>  \n\n\r\n
 *
 * What one batch brings is mostly the same for many connections, but for the scope, which is short and of one length. So they share one
 * buffer: each write puts its scope in, and gives it to the kernel, which copies it at once. Where the kernel does not take all of it, the
 * buffer is the socket's until it has, and whoever comes next gets another.
 *
 * One write of one piece: a gathering write of shared pieces costs more than to copy some hundred bytes, and a write of each far more.
 */
const TAIL = octetsOf('\n\n\r\n')

/** What of a socket is used. */
export interface ChunkSocket {
  write(chunk: Uint8Array): boolean
  /** Bytes that were written and not given to the kernel yet. */
  readonly writableLength: number
}

interface Shared {
  readonly parts: readonly Octets[]
  readonly idHead: Octets
  readonly scopeLength: number
  readonly buffer: Buffer
}

/** Writes chunks of HTTP/1.1's chunked coding, each at once. */
export class ChunkWriter {
  /** The newest chunk that begins with a frame. */
  readonly #shared = new Map<Octets, Shared>()
  /** That of the last write: mostly it is the next one's too. */
  #last: Shared | undefined

  /**
   * @returns whether there is room for more
   * @see https://www.rfc-editor.org/rfc/rfc9112.html#section-7.1
   */
  write(socket: ChunkSocket, parts: readonly Octets[], id: IdBlock): boolean {
    const { idHead, idScope } = id
    let shared = this.#last
    if (shared === undefined || !isAlike(shared, parts, id)) {
      const first = parts[0] ?? idHead
      shared = this.#shared.get(first)
      if (shared === undefined || !isAlike(shared, parts, id)) this.#shared.set(first, (shared = begin(parts, id)))
      this.#last = shared
    }
    const { buffer } = shared
    buffer.write(idScope, buffer.length - TAIL.length - idScope.length, 'latin1')
    const hasRoom = socket.write(buffer)
    if (socket.writableLength > 0) this.#giveAway(parts[0] ?? idHead)
    return hasRoom
  }

  /** Nothing of the batch is needed any more. */
  forget(): void {
    this.#shared.clear()
    this.#last = undefined
  }

  #giveAway(first: Octets): void {
    this.#shared.delete(first)
    this.#last = undefined
  }
}

function isAlike(shared: Shared, parts: readonly Octets[], { idHead, idScope }: IdBlock): boolean {
  if (shared.idHead !== idHead || shared.scopeLength !== idScope.length || shared.parts.length !== parts.length) return false
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
