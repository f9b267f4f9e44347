import type { IdBlock } from './id-block.ts'
import { joinOctets, octetsOf, type Octets } from './octets.ts'

/*
 * <length>\r\n  <frames>  id: <place>.  <scope>  \n\n\r\n
 *
 * What one batch brings is mostly the same for many connections, but for the scope, which is short and of one length: whoever comes
 * after the first gets what its chunk begins with, and another scope. To copy some hundred bytes and write once is cheaper than a
 * gathering write of shared pieces, and far cheaper than a write of each.
 */
const TAIL = octetsOf('\n\n\r\n')

interface Written {
  readonly parts: readonly Octets[]
  readonly head: Octets
  readonly scopeLength: number
  /** All that comes before the scope. */
  readonly start: Octets
}

/** Makes chunks of HTTP/1.1's chunked coding, each of which is one write. */
export class ChunkWriter {
  /** The newest chunk that begins with a frame. */
  readonly #written = new Map<Octets, Written>()

  /** @see https://www.rfc-editor.org/rfc/rfc9112.html#section-7.1 */
  chunk(parts: readonly Octets[], id: IdBlock): Octets {
    const first = parts[0] ?? id.head
    let written = this.#written.get(first)
    if (written === undefined || !isAlike(written, parts, id)) this.#written.set(first, (written = begin(parts, id)))
    return (written.start + id.scope + TAIL) as Octets
  }

  /** Nothing of the batch is needed any more. */
  forget(): void {
    this.#written.clear()
  }
}

function isAlike(written: Written, parts: readonly Octets[], id: IdBlock): boolean {
  if (written.head !== id.head || written.scopeLength !== id.scope.length || written.parts.length !== parts.length) return false
  for (let index = 0; index < parts.length; index++) if (written.parts[index] !== parts[index]) return false
  return true
}

function begin(parts: readonly Octets[], { head, scope }: IdBlock): Written {
  // `TAIL` without what ends the chunk.
  let length = head.length + scope.length + TAIL.length - 2
  for (const part of parts) length += part.length
  return { parts, head, scopeLength: scope.length, start: joinOctets(octetsOf(`${length.toString(16)}\r\n`), ...parts, head) }
}
