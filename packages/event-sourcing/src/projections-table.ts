import { sql } from 'drizzle-orm'
import { bigint, index, jsonb, primaryKey, text, timestamp } from 'drizzle-orm/pg-core'
import { tableIn } from './events-table.ts'
import { quoteLiteral, type ProjectionsTableConfig } from './table-config.ts'

/** The Drizzle table of saved projections, snapshots and checkpoints. */
export type GenericProjectionsTable = ReturnType<typeof buildProjectionsTable>

/** One row of a projections table. */
export type GenericProjectionsType = GenericProjectionsTable['$inferSelect']

/** Describes a projections table. Export the result from the schema file that drizzle-kit reads. */
export function createProjectionsTable(config: ProjectionsTableConfig = {}): GenericProjectionsTable {
  return buildProjectionsTable(config)
}

// eslint-disable-next-line @typescript-eslint/explicit-function-return-type -- the type of the table is what Drizzle infers from its columns
function buildProjectionsTable(config: ProjectionsTableConfig) {
  const { schema, name = 'projections', dataIndexes = [], additionalIndexes = [] } = config
  return tableIn(schema)(
    name,
    {
      type: text('type').notNull(),
      id: text('id').notNull(),
      data: jsonb('data').notNull(),
      latestEventId: text('latest_event_id').notNull(),
      // The position of that event: null only in rows older than positions.
      position: bigint('position', { mode: 'number' }),
      createdAt: timestamp('created_at', { withTimezone: true }).defaultNow(),
      updatedAt: timestamp('updated_at', { withTimezone: true }).defaultNow(),
    },
    (columns) => [
      primaryKey({ columns: [columns.type, columns.id] }),
      index(`${name}_type_idx`).on(columns.type),
      ...dataIndexes.map((key) => index(`${name}_data_${key}_idx`).on(sql`(${columns.data}->>${sql.raw(quoteLiteral(key))})`)),
      ...additionalIndexes.map((additional) => index(additional.name).on(...additional.columns)),
    ],
  )
}
