import { byteSource, type ByteSource } from '../byte-source.ts'
import { CaptureError } from '../errors.ts'

/** What a column of a tuple holds. */
export const TUPLE_NULL = 110 // 'n'
export const TUPLE_UNCHANGED = 117 // 'u': a stored-out-of-line value that the statement did not touch
export const TUPLE_TEXT = 116 // 't'

/** Postgres allows no more columns in a table. */
const MAX_COLUMNS = 1600

/**
 * The places of a row's values inside a message. One object serves all rows: a row becomes JSON before the next is read,
 * and the bytes under it belong to the connection.
 *
 * @see https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html (TupleData)
 */
export interface Tuple {
  source: ByteSource
  columnCount: number
  readonly kinds: Uint8Array
  readonly starts: Int32Array
  readonly ends: Int32Array
}

export function createTuple(): Tuple {
  return {
    source: byteSource(new Uint8Array()),
    columnCount: 0,
    kinds: new Uint8Array(MAX_COLUMNS),
    starts: new Int32Array(MAX_COLUMNS),
    ends: new Int32Array(MAX_COLUMNS),
  }
}

/** Reads the tuple at `offset` of a message that ends at `end`, and gives the offset after it. */
export function readTuple(buffer: Uint8Array, offset: number, end: number, tuple: Tuple): number {
  const count = (byteAt(buffer, offset) << 8) | byteAt(buffer, offset + 1)
  if (count > MAX_COLUMNS) throw new CaptureError(`A row of pgoutput claims ${count} columns; Postgres allows ${MAX_COLUMNS}.`)
  // Many rows stand in one piece of the socket.
  if (tuple.source.bytes !== buffer) tuple.source = byteSource(buffer)
  tuple.columnCount = count
  let at = offset + 2
  for (let column = 0; column < count; column++) {
    const kind = byteAt(buffer, at++)
    tuple.kinds[column] = kind
    if (kind === TUPLE_TEXT) {
      const length = ((byteAt(buffer, at) << 24) | (byteAt(buffer, at + 1) << 16) | (byteAt(buffer, at + 2) << 8) | byteAt(buffer, at + 3)) >>> 0
      at += 4
      tuple.starts[column] = at
      at += length
      tuple.ends[column] = at
    } else if (kind !== TUPLE_NULL && kind !== TUPLE_UNCHANGED) {
      throw new CaptureError(`A value of pgoutput has the unknown kind ${kind}.`)
    }
  }
  if (at > end) throw new CaptureError('A row of pgoutput ends too early.')
  return at
}

/** Makes the tuple of a row whose values are text already, as if a message had brought them. */
export function fillTuple(tuple: Tuple, values: readonly (string | null)[]): void {
  const parts = values.map((value) => (value === null ? undefined : Buffer.from(value)))
  tuple.source = byteSource(Buffer.concat(parts.filter((part) => part !== undefined)))
  tuple.columnCount = values.length
  let at = 0
  for (const [column, part] of parts.entries()) {
    tuple.kinds[column] = part === undefined ? TUPLE_NULL : TUPLE_TEXT
    tuple.starts[column] = at
    at += part?.length ?? 0
    tuple.ends[column] = at
  }
}

/** Whether the column holds the same in both: same kind and same bytes. */
export function isSameValue(a: Tuple, b: Tuple, column: number): boolean {
  if (a.kinds[column] !== b.kinds[column]) return false
  if (a.kinds[column] !== TUPLE_TEXT) return true
  const [aStart, aEnd, bStart, bEnd] = [a.starts[column] ?? 0, a.ends[column] ?? 0, b.starts[column] ?? 0, b.ends[column] ?? 0]
  return aEnd - aStart === bEnd - bStart && areSameBytes(a.source, aStart, b.source, bStart, aEnd - aStart)
}

function areSameBytes(a: ByteSource, aStart: number, b: ByteSource, bStart: number, length: number): boolean {
  let at = 0
  for (; at + 4 <= length; at += 4) if (a.view.getInt32(aStart + at) !== b.view.getInt32(bStart + at)) return false
  for (; at < length; at++) if (a.bytes[aStart + at] !== b.bytes[bStart + at]) return false
  return true
}

function byteAt(buffer: Uint8Array, offset: number): number {
  // A read past the end gives `undefined`; the check at the end of the row catches it.
  return buffer[offset] ?? 0
}
