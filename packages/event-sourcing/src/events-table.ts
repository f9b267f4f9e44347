import { sql } from 'drizzle-orm'
import { bigint, index, integer, jsonb, pgSchema, pgTable, text, timestamp, uniqueIndex, type PgTableFn } from 'drizzle-orm/pg-core'
import { quoteLiteral, rememberIdentifiers, resolveIdentifiers, type EventsTableConfig } from './table-config.ts'

/** The Drizzle table of the events, with the columns and indexes that appends and readers rely on. */
export type GenericEventsTable = ReturnType<typeof buildEventsTable>

/** One row of an events table. */
export type GenericEventsType = GenericEventsTable['$inferSelect']

/**
 * Describes an events table. Export the result from the schema file that drizzle-kit reads.
 *
 * @example
 * export const events = createEventsTable({ schema: 'my_app', identifiers: ['cartId', { key: 'tenantId', lock: 'shared' }] })
 */
export function createEventsTable(config: EventsTableConfig = {}): GenericEventsTable {
  return buildEventsTable(config)
}

/** `pgTable`, or the same within a Postgres schema. `public` is where tables without a schema live. */
export function tableIn(schema: string | undefined): PgTableFn {
  if (schema === undefined || schema === 'public') return pgTable
  // The two differ only in the schema's name within the type, which nothing here reads.
  return pgSchema(schema).table as unknown as PgTableFn
}

// eslint-disable-next-line @typescript-eslint/explicit-function-return-type -- the type of the table is what Drizzle infers from its columns
function buildEventsTable(config: EventsTableConfig) {
  const { schema, name = 'events', additionalIndexes = [] } = config
  const identifiers = resolveIdentifiers(config)
  const table = tableIn(schema)(
    name,
    {
      id: text('id').primaryKey(),
      position: bigint('position', { mode: 'number' }).generatedAlwaysAsIdentity(),
      type: text('type').notNull(),
      data: jsonb('data').notNull(),
      metadata: jsonb('metadata'),
      schemaVersion: integer('schema_version').notNull().default(1),
      idempotencyKey: text('idempotency_key'),
      createdAt: timestamp('created_at', { withTimezone: true }).defaultNow(),
      updatedAt: timestamp('updated_at', { withTimezone: true }).defaultNow(),
    },
    (columns) => [
      uniqueIndex(`${name}_position_idx`).on(columns.position),
      index(`${name}_type_idx`).on(columns.type, columns.position),
      index(`${name}_idempotency_key_idx`)
        .on(columns.idempotencyKey)
        .where(sql`${columns.idempotencyKey} is not null`),
      ...identifiers.map(({ key }) => index(`${name}_data_${key}_idx`).on(sql`(${columns.data}->>${sql.raw(quoteLiteral(key))})`, columns.position)),
      ...additionalIndexes.map((additional) => index(additional.name).on(...additional.columns)),
    ],
  )
  rememberIdentifiers(table, identifiers)
  return table
}
