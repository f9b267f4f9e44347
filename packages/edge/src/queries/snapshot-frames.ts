import type { QueryId, ResultOperation, ResultShape, SnapshotRow } from '@zenstack-live/protocol'
import { frameBytes } from '../streams/frame-chunks.ts'
import type { Place } from '../log/place.ts'
import { serializeResult } from '../requests/serialize-result.ts'

/** The whole result: rows (at most one for `row`), or a value. */
export type Result = { shape: 'rows' | 'row'; rows: readonly SnapshotRow[] } | { shape: 'value'; value: unknown }

export function snapshotFrames(q: QueryId, at: Place, result: Result, rowsPerFrame: number): Buffer[] {
  if (result.shape === 'value') {
    const { data, meta } = serializeResult(result.value)
    return [frameBytes({ event: 'snapshot', q, at: at.entry, part: 0, isLast: true, shape: 'value', value: data, ...withMeta(meta) })]
  }
  const frames: Buffer[] = []
  const parts = Math.max(1, Math.ceil(result.rows.length / rowsPerFrame))
  for (let part = 0; part < parts; part++) {
    const { data, meta } = serializeResult(result.rows.slice(part * rowsPerFrame, (part + 1) * rowsPerFrame))
    // The serializer keeps the shape of arrays and plain objects.
    const rows = data as SnapshotRow[]
    frames.push(frameBytes({ event: 'snapshot', q, at: at.entry, part, isLast: part === parts - 1, shape: result.shape, rows, ...withMeta(meta) }))
  }
  return frames
}

export function changeFrame(q: QueryId, at: Place, operations: readonly ResultOperation[]): Buffer {
  const { data, meta } = serializeResult(operations)
  return frameBytes({ event: 'change', q, at: at.entry, ops: data as ResultOperation[], ...withMeta(meta) })
}

export function shapeOf(operation: string): ResultShape {
  if (operation === 'findMany') return 'rows'
  return operation === 'findFirst' || operation === 'findUnique' ? 'row' : 'value'
}

function withMeta(meta: unknown): { meta?: unknown } {
  return meta === undefined ? {} : { meta }
}
