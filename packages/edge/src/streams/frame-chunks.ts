import { encodeFrame, encodeIdBlock, type Frame } from '@zenstack-live/protocol'
import { joinOctets, octetsOf, type Octets } from './octets.ts'

/** The frame as octets of an event stream, made once and shared by all connections that get it. */
export function frameOctets(frame: Frame): Octets {
  return octetsOf(encodeFrame(frame))
}

export function idOctets(position: string): Octets {
  return octetsOf(encodeIdBlock(position))
}

const CRLF = octetsOf('\r\n')

/**
 * The parts as one chunk of HTTP/1.1's chunked coding.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9112.html#section-7.1
 */
export function asHttpChunk(parts: readonly Octets[]): Octets {
  let length = 0
  for (const part of parts) length += part.length
  return joinOctets(octetsOf(`${length.toString(16)}\r\n`), ...parts, CRLF)
}
