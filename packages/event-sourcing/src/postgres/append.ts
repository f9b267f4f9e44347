import { sql } from 'drizzle-orm'
import { EventSourcingError, IsolationError, type ConflictingEvent } from '../errors.ts'
import type { AppendOutcome, AppendRequest, NewEvent, StoredEvent } from '../store.ts'
import type { TableInfo } from '../table-config.ts'
import { appendFunctionName } from './append-function.ts'
import { queryRows, type EventDatabase, type Row } from './database.ts'
import { parseEventJson, parseNumber, parseText } from './rows.ts'

export interface AppendContext {
  readonly db: EventDatabase
  readonly table: TableInfo
  readonly everyWriterIsSerializable: boolean
}

/** One call of the database function. */
export async function appendWithFunction({ db, table, everyWriterIsSerializable }: AppendContext, request: AppendRequest): Promise<AppendOutcome> {
  const options: Record<string, unknown> = {}
  if (request.idempotencyKey !== undefined) options['idempotencyKey'] = request.idempotencyKey
  if (request.locks !== undefined && request.locks.length > 0) options['locks'] = request.locks
  if (everyWriterIsSerializable) options['everyWriterIsSerializable'] = true
  const condition = request.condition === undefined ? null : JSON.stringify(request.condition)
  const rows = await queryRows(
    db,
    sql`SELECT ${sql.raw(appendFunctionName(table))}(${JSON.stringify(request.events)}::text::jsonb, ${condition}::text::jsonb, ${JSON.stringify(options)}::text::jsonb) AS result`,
  )
  return parseOutcome(Object(rows[0]?.['result']) as Row, request.events)
}

/** What was appended, from what was sent and what the database added. */
export function appendedEvent(event: NewEvent, position: number, createdMs: number): StoredEvent {
  const at = new Date(createdMs)
  return {
    id: event.id,
    position,
    type: event.type,
    data: event.data,
    metadata: event.metadata,
    schemaVersion: event.schemaVersion,
    createdAt: at,
    updatedAt: at,
  }
}

function parseOutcome(result: Row, events: readonly NewEvent[]): AppendOutcome {
  const outcome = result['outcome']
  switch (outcome) {
    case 'appended': {
      const rows: unknown[] = Array.isArray(result['rows']) ? result['rows'] : []
      return { kind: 'appended', events: events.map((event, index) => appendedFromRow(event, rows[index])) }
    }
    case 'duplicate':
      return { kind: 'duplicate', events: (Array.isArray(result['events']) ? result['events'] : []).map(parseEventJson) }
    case 'conflict':
      return { kind: 'conflict', conflicting: parseConflict(Object(result['conflicting']) as Row) }
    case 'isolation':
      throw new IsolationError(parseText(result['isolation'], 'isolation'))
    default:
      throw new EventSourcingError(
        'setup_required',
        `The append function answered "${String(outcome)}". It is not of this version; run the migration that eventStoreSql prints.`,
      )
  }
}

export function parseConflict(row: Row): ConflictingEvent {
  return { id: parseText(row['id'], 'id'), type: parseText(row['type'], 'type'), position: parseNumber(row['position'], 'position') }
}

function appendedFromRow(event: NewEvent, row: unknown): StoredEvent {
  const [position, createdMs]: unknown[] = Array.isArray(row) ? row : []
  return appendedEvent(event, parseNumber(position, 'position'), parseNumber(createdMs, 'created_at'))
}
