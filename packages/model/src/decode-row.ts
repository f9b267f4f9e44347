import { parseChangeEnvelope, type ChangeEnvelope, type RawRow } from '@zenstack-live/protocol'
import type { Model } from './data-model.ts'
import { decodeValue } from './decode-value.ts'
import type { StoredRow, StoredValue } from './stored-row.ts'

/** Sixteen digits in a row: a number that a double may not hold. */
const LONG_NUMBER = /\d{16}/

/**
 * Reads a change event without losing digits: integers beyond 2^53 become bigint, where `JSON.parse` would round them.
 *
 * @throws {ProtocolError} `bad_json` when the text is not a change event
 */
export function parseExactChange(text: string): ChangeEnvelope {
  const envelope = parseChangeEnvelope(text)
  if (!LONG_NUMBER.test(text)) return envelope
  const exact = JSON.parse(text, exactInteger) as ChangeEnvelope | { payload: ChangeEnvelope }
  const { before, after } = 'payload' in exact ? exact.payload : exact
  return { ...envelope, before, after }
}

/**
 * Turns one side of a change into typed values.
 *
 * @param raw - `before` or `after` of {@link parseExactChange}. With plain `JSON.parse`, integers beyond 2^53 are not trusted: their field is absent.
 */
export function decodeRow(model: Model, raw: RawRow): StoredRow {
  const row: Record<string, StoredValue> = {}
  for (const field of model.fields.values()) {
    if (field.isOpaque || !Object.hasOwn(raw, field.column)) continue
    const value = decodeValue(field, raw[field.column])
    if (value !== undefined) row[field.name] = value
  }
  return row
}

function exactInteger(this: unknown, _name: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || context?.source === undefined) return value
  return /^-?\d+$/.test(context.source) ? BigInt(context.source) : value
}
