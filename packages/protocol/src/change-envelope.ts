import { ProtocolError } from './errors.ts'

/** What happened to a row: create, update, delete, read (initial snapshot), truncate, message. */
export type ChangeOperation = 'c' | 'u' | 'd' | 'r' | 't' | 'm'

/** A row as a change event carries it: column name to JSON value. A column that was not captured is absent. */
export type RawRow = Record<string, unknown>

/** Where a change comes from. Numbers may pass 2^53 in the text; the parsed ones are for display. */
export interface ChangeSource {
  schema: string
  table: string
  /** Transaction id, 32 bits. */
  txId: number | null
  lsn: number | null
  /** Commit time, milliseconds since 1970. */
  ts_ms: number
  /** The same in microseconds. */
  ts_us?: number
  [name: string]: unknown
}

/**
 * One change in Debezium's envelope, without its schema part.
 *
 * @see https://debezium.io/documentation/reference/stable/connectors/postgresql.html#postgresql-events
 */
export interface ChangeEnvelope {
  op: ChangeOperation
  before: RawRow | null
  after: RawRow | null
  source: ChangeSource
  /** When the capture took it from the write-ahead log, milliseconds since 1970. */
  ts_ms?: number
}

/**
 * Reads the JSON text of a change event, with or without Debezium's `{ schema, payload }` wrapper.
 *
 * @throws {ProtocolError} `bad_json` when it is not such an event.
 */
export function parseChangeEnvelope(text: string): ChangeEnvelope {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new ProtocolError('bad_json', `A change event is not JSON: ${text.slice(0, 80)}`, { cause })
  }
  const payload = isObject(value) && 'payload' in value && 'schema' in value ? value['payload'] : value
  if (!isObject(payload) || typeof payload['op'] !== 'string' || !isObject(payload['source'])) {
    throw new ProtocolError('bad_json', `A change event lacks "op" or "source": ${text.slice(0, 80)}`)
  }
  // The two fields that decide its kind were just checked; the writer is our capture or Debezium.
  return payload as unknown as ChangeEnvelope
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
