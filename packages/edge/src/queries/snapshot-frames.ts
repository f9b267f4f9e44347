import type { QueryId, ResultOperation, ResultShape, SnapshotRow } from '@zenstack-live/protocol'
import { frameOctets } from '../streams/frame-chunks.ts'
import type { Place } from '../log/place.ts'
import { serializeResult } from '../requests/serialize-result.ts'
import type { Octets } from '../streams/octets.ts'

/** The whole result: rows (at most one for `row`) with those in lists inside them, or a value. */
export type Result = { shape: 'rows' | 'row'; rows: readonly SnapshotRow[]; relatedRows?: number } | { shape: 'value'; value: unknown }

/** Rows or groups that it is made of, which is what it costs to keep. */
export function rowCount(result: Result): number {
  if (result.shape === 'value') return Array.isArray(result.value) ? result.value.length : 1
  return result.rows.length + (result.relatedRows ?? 0)
}

export function snapshotFrames(q: QueryId, at: Place, result: Result, rowsPerFrame: number): Octets[] {
  if (result.shape === 'value') {
    const { data, meta } = serializeResult(result.value)
    return [frameOctets({ event: 'snapshot', q, at: at.entry, part: 0, isLast: true, shape: 'value', value: data, ...withMeta(meta) })]
  }
  const frames: Octets[] = []
  const parts = Math.max(1, Math.ceil(result.rows.length / rowsPerFrame))
  for (let part = 0; part < parts; part++) {
    const { data, meta } = serializeResult(result.rows.slice(part * rowsPerFrame, (part + 1) * rowsPerFrame))
    // The serializer keeps the shape of arrays and plain objects.
    const rows = data as SnapshotRow[]
    frames.push(frameOctets({ event: 'snapshot', q, at: at.entry, part, isLast: part === parts - 1, shape: result.shape, rows, ...withMeta(meta) }))
  }
  return frames
}

export function changeFrame(q: QueryId, at: Place, operations: readonly ResultOperation[]): Octets {
  const { data, meta } = serializeResult(operations)
  return frameOctets({ event: 'change', q, at: at.entry, ops: data as ResultOperation[], ...withMeta(meta) })
}

export function shapeOf(operation: string): ResultShape {
  if (operation === 'findMany') return 'rows'
  return operation === 'findFirst' || operation === 'findUnique' ? 'row' : 'value'
}

function withMeta(meta: unknown): { meta?: unknown } {
  return meta === undefined ? {} : { meta }
}
