import { appendFunctionSql } from './append-function.ts'
import { quoteIdentifier, quoteLiteral, type TableInfo } from '../table-config.ts'

/** The statements that make the tables and the append function, each safe to run again. */
export function installSql(events: TableInfo, projections: TableInfo, maxLocks: number): string[] {
  return [
    ...schemasSql([events, projections]),
    eventsTableSql(events),
    ...eventsIndexesSql(events),
    projectionsTableSql(projections),
    `CREATE INDEX IF NOT EXISTS ${quoteIdentifier(`${projections.name}_type_idx`)} ON ${projections.sqlName} USING btree (type)`,
    ...appendFunctionSql(events, maxLocks),
  ]
}

/**
 * The statements that bring a database of `@status-machina/drizzle-pg-pattern` to these tables: real schemas in place
 * of dots in table names, positions in the order of ids, the new columns, and the indexes on them.
 */
export function upgradeSql(events: TableInfo, projections: TableInfo, maxLocks: number): string[] {
  const sequence = `pg_get_serial_sequence(${quoteLiteral(events.sqlName)}, 'position')`
  return [
    ...schemasSql([events, projections]),
    ...[events, projections].flatMap(moveOutOfDottedName),
    `ALTER TABLE ${events.sqlName} ADD COLUMN IF NOT EXISTS metadata jsonb, ADD COLUMN IF NOT EXISTS schema_version integer NOT NULL DEFAULT 1, ADD COLUMN IF NOT EXISTS idempotency_key text, ADD COLUMN IF NOT EXISTS position bigint`,
    `DO $upgrade$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = ${quoteLiteral(events.sqlName)}::regclass AND attname = 'position' AND attidentity <> '') THEN
    LOCK TABLE ${events.sqlName} IN ACCESS EXCLUSIVE MODE;
    UPDATE ${events.sqlName} e SET position = o.position FROM (SELECT id, row_number() OVER (ORDER BY id) AS position FROM ${events.sqlName}) o WHERE o.id = e.id;
    ALTER TABLE ${events.sqlName} ALTER COLUMN position SET NOT NULL;
    ALTER TABLE ${events.sqlName} ALTER COLUMN position ADD GENERATED ALWAYS AS IDENTITY;
    PERFORM setval(${sequence}, (SELECT coalesce(max(position), 0) + 1 FROM ${events.sqlName}), false);
  END IF;
END $upgrade$`,
    ...oldIndexes(events),
    ...eventsIndexesSql(events),
    `ALTER TABLE ${projections.sqlName} ADD COLUMN IF NOT EXISTS position bigint`,
    `UPDATE ${projections.sqlName} p SET position = e.position FROM ${events.sqlName} e WHERE p.position IS NULL AND e.id = p.latest_event_id`,
    ...appendFunctionSql(events, maxLocks),
  ]
}

function schemasSql(tables: readonly TableInfo[]): string[] {
  const schemas = new Set(tables.map(({ schema }) => schema).filter((schema) => schema !== undefined))
  return [...schemas].map((schema) => `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)}`)
}

function eventsTableSql(table: TableInfo): string {
  return `CREATE TABLE IF NOT EXISTS ${table.sqlName} (
  id text PRIMARY KEY NOT NULL,
  position bigint GENERATED ALWAYS AS IDENTITY,
  type text NOT NULL,
  data jsonb NOT NULL,
  metadata jsonb,
  schema_version integer DEFAULT 1 NOT NULL,
  idempotency_key text,
  created_at timestamp with time zone DEFAULT now(),
  updated_at timestamp with time zone DEFAULT now()
)`
}

function eventsIndexesSql({ name, sqlName, identifiers }: TableInfo): string[] {
  return [
    `CREATE UNIQUE INDEX IF NOT EXISTS ${quoteIdentifier(`${name}_position_idx`)} ON ${sqlName} USING btree (position)`,
    `CREATE INDEX IF NOT EXISTS ${quoteIdentifier(`${name}_type_idx`)} ON ${sqlName} USING btree (type, position)`,
    `CREATE INDEX IF NOT EXISTS ${quoteIdentifier(`${name}_idempotency_key_idx`)} ON ${sqlName} USING btree (idempotency_key) WHERE idempotency_key IS NOT NULL`,
    ...identifiers.map(
      ({ key }) =>
        `CREATE INDEX IF NOT EXISTS ${quoteIdentifier(`${name}_data_${key}_idx`)} ON ${sqlName} USING btree ((data->>${quoteLiteral(key)}), position)`,
    ),
  ]
}

/** The seed's indexes have the names of ours, but not their second column. */
function oldIndexes({ schema, name, sqlName, identifiers }: TableInfo): string[] {
  return [`${name}_type_idx`, ...identifiers.map(({ key }) => `${name}_data_${key}_idx`)].map(
    (index) => `DO $upgrade$ BEGIN
  IF EXISTS (SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = ${quoteLiteral(sqlName)}::regclass AND c.relname = ${quoteLiteral(index)} AND i.indnatts = 1) THEN
    DROP INDEX ${schema === undefined ? '' : `${quoteIdentifier(schema)}.`}${quoteIdentifier(index)};
  END IF;
END $upgrade$`,
  )
}

function projectionsTableSql(table: TableInfo): string {
  return `CREATE TABLE IF NOT EXISTS ${table.sqlName} (
  type text NOT NULL,
  id text NOT NULL,
  data jsonb NOT NULL,
  latest_event_id text NOT NULL,
  position bigint,
  created_at timestamp with time zone DEFAULT now(),
  updated_at timestamp with time zone DEFAULT now(),
  CONSTRAINT ${quoteIdentifier(`${table.name}_type_id_pk`)} PRIMARY KEY (type, id)
)`
}

function moveOutOfDottedName({ schema, name, sqlName }: TableInfo): string[] {
  if (schema === undefined) return []
  const dotted = quoteIdentifier(`${schema}.${name}`)
  return [
    `DO $upgrade$ BEGIN
  IF to_regclass(${quoteLiteral(dotted)}) IS NOT NULL AND to_regclass(${quoteLiteral(sqlName)}) IS NULL THEN
    ALTER TABLE ${dotted} SET SCHEMA ${quoteIdentifier(schema)};
    ALTER TABLE ${quoteIdentifier(schema)}.${dotted} RENAME TO ${quoteIdentifier(name)};
  END IF;
END $upgrade$`,
  ]
}
