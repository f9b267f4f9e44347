import type { IdBlock } from './id-block.ts'

/*
 * <length>\r\n  <frames>  id: <place>.  <scope>  \n\n\r\n
 *
 * What one batch brings is mostly the same for many connections, but for the scope, which is short and of one length: whoever comes
 * after the first gets a copy of its chunk with another scope in it. One copy and one write of some hundred bytes is cheaper than a
 * gathering write of shared pieces (1.0 µs against 1.2 µs, and against 6.8 µs for a write of each piece).
 */
const TAIL = '\n\n\r\n'

interface Written {
  readonly parts: readonly Buffer[]
  readonly head: Buffer
  readonly scopeLength: number
  readonly bytes: Buffer
  /** Where the scope stands. */
  readonly scopeAt: number
}

/** Makes chunks of HTTP/1.1's chunked coding, each of which is one write. */
export class ChunkWriter {
  /** The newest chunk that begins with a frame. */
  readonly #written = new Map<Buffer, Written>()

  /** @see https://www.rfc-editor.org/rfc/rfc9112.html#section-7.1 */
  chunk(parts: readonly Buffer[], id: IdBlock): Buffer {
    const first = parts[0] ?? id.head
    const alike = this.#written.get(first)
    if (alike !== undefined && isAlike(alike, parts, id)) {
      const bytes = Buffer.allocUnsafe(alike.bytes.length)
      bytes.set(alike.bytes)
      bytes.write(id.scope, alike.scopeAt, 'latin1')
      return bytes
    }
    const written = write(parts, id)
    this.#written.set(first, written)
    return written.bytes
  }

  /** Nothing of the batch is needed any more. */
  forget(): void {
    this.#written.clear()
  }
}

function isAlike(written: Written, parts: readonly Buffer[], id: IdBlock): boolean {
  if (written.head !== id.head || written.scopeLength !== id.scope.length || written.parts.length !== parts.length) return false
  for (let index = 0; index < parts.length; index++) if (written.parts[index] !== parts[index]) return false
  return true
}

function write(parts: readonly Buffer[], { head, scope }: IdBlock): Written {
  let length = head.length + scope.length + 2
  for (const part of parts) length += part.length
  const size = `${length.toString(16)}\r\n`
  const bytes = Buffer.allocUnsafe(size.length + length + 2)
  let at = bytes.write(size, 'latin1')
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  bytes.set(head, at)
  const scopeAt = at + head.length
  bytes.write(scope + TAIL, scopeAt, 'latin1')
  return { parts, head, scopeLength: scope.length, bytes, scopeAt }
}
