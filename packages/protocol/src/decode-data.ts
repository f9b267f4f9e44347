import { ProtocolError } from './errors.ts'

/**
 * The members of a frame.
 *
 * @throws {ProtocolError} `bad_json` when the data is not a JSON object.
 */
export function decodeData(event: string, data: string): object {
  let value: unknown
  let cause: unknown
  try {
    value = JSON.parse(data)
  } catch (error) {
    cause = error
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new ProtocolError('bad_json', `A "${event}" frame is not a JSON object: ${data.slice(0, 80)}`, { cause })
}
