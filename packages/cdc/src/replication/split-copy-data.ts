const COPY_DATA = 100 // d
/** A message's kind and its length, which counts itself but not the kind. */
const HEAD_BYTES = 5

/** What CopyData carries, from `start` to `end`; the bytes are only good until it returns. */
export type HandleCopyData = (bytes: Buffer, start: number, end: number) => void

/**
 * Takes the messages of CopyData out of what a server sends, from its first byte on, and passes everything else on as it comes.
 *
 * ```
 *   head ─► d: the whole of it is in this chunk ─► onCopyData, where it stands
 *     ▲  └► d: it goes on in the next ──────────► collected ─► onCopyData
 *     └──── others ─────────────────────────────► pass
 * ```
 * The client library makes three objects of every message and raises two events for it, which costs more than to read a row.
 *
 * @see https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export function splitCopyData(onCopyData: HandleCopyData, pass: (chunk: Buffer) => void): (chunk: Buffer) => void {
  // A head, or the body of CopyData, that a chunk ended in.
  const head = Buffer.alloc(HEAD_BYTES)
  let headBytes = 0
  let body: Buffer | undefined
  let bodyBytes = 0
  /** Bytes of another message still to pass on. */
  let passing = 0

  const collectHead = (chunk: Buffer, at: number): number => {
    const end = Math.min(chunk.length, at + HEAD_BYTES - headBytes)
    headBytes += chunk.copy(head, headBytes, at, end)
    if (headBytes < HEAD_BYTES) return end
    headBytes = 0
    const bytes = head.readUInt32BE(1) + 1 - HEAD_BYTES
    if (head[0] === COPY_DATA) {
      body = Buffer.allocUnsafe(bytes)
      bodyBytes = 0
    } else {
      pass(Buffer.from(head))
      passing = bytes
    }
    return end
  }
  const collectBody = (into: Buffer, chunk: Buffer, at: number): number => {
    const copied = chunk.copy(into, bodyBytes, at)
    bodyBytes += copied
    return at + copied
  }
  const passOn = (chunk: Buffer, at: number): number => {
    const end = Math.min(chunk.length, at + passing)
    passing -= end - at
    if (end > at) pass(chunk.subarray(at, end))
    return end
  }
  /** Hands over every message that the chunk holds whole. @returns where the first stands that it does not, or that is another */
  const takeWhole = (chunk: Buffer, from: number): number => {
    let at = from
    while (chunk[at] === COPY_DATA && at + HEAD_BYTES <= chunk.length) {
      const end = at + 1 + chunk.readUInt32BE(at + 1)
      if (end > chunk.length) break
      onCopyData(chunk, at + HEAD_BYTES, end)
      at = end
    }
    return at
  }

  return (chunk) => {
    let at = 0
    while (at < chunk.length) {
      if (passing > 0) at = passOn(chunk, at)
      else if (body !== undefined) at = collectBody(body, chunk, at)
      else {
        if (headBytes === 0) at = takeWhole(chunk, at)
        at = collectHead(chunk, at)
      }
      if (body === undefined || bodyBytes < body.length) continue
      const whole = body
      body = undefined
      onCopyData(whole, 0, whole.length)
    }
  }
}
