import { encodeFrame, encodeIdBlock, type Frame } from '@zenstack-live/protocol'

/** The frame as bytes of an event stream, made once and shared by all connections that get it. */
export function frameBytes(frame: Frame): Buffer {
  return Buffer.from(encodeFrame(frame), 'utf8')
}

export function idBytes(position: string): Buffer {
  // Positions are ASCII.
  return Buffer.from(encodeIdBlock(position), 'latin1')
}

const CRLF = Buffer.from('\r\n', 'latin1')

/**
 * The parts as one chunk of HTTP/1.1's chunked coding.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9112.html#section-7.1
 */
export function asHttpChunk(parts: readonly Buffer[]): Buffer {
  let length = 0
  for (const part of parts) length += part.length
  const head = Buffer.from(`${length.toString(16)}\r\n`, 'latin1')
  return Buffer.concat([head, ...parts, CRLF], head.length + length + CRLF.length)
}
