import { decodeData } from './decode-data.ts'
import type { Frame } from './frame.ts'

const EVENTS: Record<Frame['event'], true> = {
  snapshot: true,
  ready: true,
  change: true,
  changes: true,
  reset: true,
  error: true,
  'auth-expired': true,
  bye: true,
}

/**
 * The frame in a block of the stream; `undefined` for an event this version does not know (a newer server may send some).
 *
 * @throws {ProtocolError} `bad_json` when the data is not a JSON object.
 */
export function decodeFrame(event: string, data: string): Frame | undefined {
  if (!Object.hasOwn(EVENTS, event)) return undefined
  // Version 1 of the wire: the server that made it follows frame.ts.
  return { event, ...decodeData(event, data) } as Frame
}
