import { ProtocolError } from './errors.ts'
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
  let value: unknown
  try {
    value = JSON.parse(data)
  } catch (cause) {
    throw new ProtocolError('bad_json', `A "${event}" frame is not JSON: ${data.slice(0, 80)}`, { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ProtocolError('bad_json', `A "${event}" frame is not an object.`)
  // Version 1 of the wire: the server that made it follows frame.ts.
  return { event, ...value } as Frame
}
