import type { ProjectionRow, StoredEvent } from '../store.ts'
import type { Row } from './database.ts'

/** The columns of an event, cast so that every driver reads them alike. */
export const EVENT_COLUMNS =
  'id, position::float8 AS position, type, data, metadata, schema_version, (extract(epoch FROM created_at) * 1000)::float8 AS created_ms, (extract(epoch FROM updated_at) * 1000)::float8 AS updated_ms'

export const PROJECTION_COLUMNS = 'type, id, data, latest_event_id, position::float8 AS position'

export function parseEventRow(row: Row): StoredEvent {
  return {
    id: parseText(row['id'], 'id'),
    position: parseNumber(row['position'], 'position'),
    type: parseText(row['type'], 'type'),
    data: row['data'],
    metadata: parseMetadata(row['metadata']),
    schemaVersion: parseNumber(row['schema_version'], 'schema_version'),
    createdAt: new Date(parseNumber(row['created_ms'], 'created_at')),
    updatedAt: new Date(parseNumber(row['updated_ms'], 'updated_at')),
  }
}

/** An event as the append function gives it within its JSON answer. */
export function parseEventJson(value: unknown): StoredEvent {
  const event = Object(value) as Row
  return parseEventRow({ ...event, schema_version: event['schemaVersion'], created_ms: event['createdAt'], updated_ms: event['updatedAt'] })
}

export function parseProjectionRow(row: Row): ProjectionRow {
  const position = row['position']
  return {
    type: parseText(row['type'], 'type'),
    id: parseText(row['id'], 'id'),
    data: row['data'],
    latestEventId: parseText(row['latest_event_id'], 'latest_event_id'),
    position: position === null || position === undefined ? null : parseNumber(position, 'position'),
  }
}

export function parseNumber(value: unknown, name: string): number {
  const number = typeof value === 'number' ? value : Number(value)
  if (value === null || value === undefined || !Number.isFinite(number))
    throw new TypeError(`Column "${name}" holds ${String(value)} where a number belongs.`)
  return number
}

export function parseText(value: unknown, name: string): string {
  if (typeof value !== 'string') throw new TypeError(`Column "${name}" holds ${String(value)} where text belongs.`)
  return value
}

function parseMetadata(value: unknown): StoredEvent['metadata'] {
  if (value === null || value === undefined) return null
  if (typeof value !== 'object' || Array.isArray(value)) throw new TypeError('Column "metadata" holds no object.')
  return { ...value }
}
