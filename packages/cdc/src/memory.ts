import { createHash } from 'node:crypto'
import type { Shapes } from './schema-watch.ts'

/** What a capture remembers beside the log from one start to the next. */
export interface CaptureMemory {
  systemId: string
  timeline: number
  /** The last commit at or before a confirmed LSN, both decimal: Debezium's `sequence` goes on from it. */
  confirmed: { lsn: string; previousCommitLsn: string | null } | undefined
  /** Only of tables that every capture since then has captured. */
  shapes: Shapes | undefined
  numbering?: Numbering | undefined
  /** Whether the rows that were there before the slot are in the log: one that was begun and not ended is begun again. */
  snapshot?: 'begun' | 'done' | undefined
}

/** Who numbered the newest part of the log. */
export interface Numbering {
  /** See `selectionOf`. */
  selection: string
  /** Decimal; transactions that end after it are numbered so. */
  sinceLsn: string
}

/** Reads what {@link formatMemory} wrote; `undefined` for anything else, which is then like a log without memory. */
export function parseMemory(text: string | undefined): CaptureMemory | undefined {
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || !('systemId' in value) || !('version' in value) || value.version !== 1) return undefined
    // Version 1, written by `formatMemory`.
    return value as unknown as CaptureMemory
  } catch {
    return undefined
  }
}

export function formatMemory(memory: CaptureMemory): string {
  return JSON.stringify({ version: 1, ...memory })
}

/** Short enough to keep for a thousand tables, long enough not to meet. */
export function shapeHash(shape: string): string {
  return createHash('sha256').update(shape).digest('base64url').slice(0, 16)
}
