import { tableKey, type DataModel, type TableName } from '@zenstack-live/model'
import pg from 'pg'
import { coalesce } from './coalesce.ts'
import type { EdgeDatabase } from './edge-database.ts'

/**
 * The files that the models' tables lie in. TRUNCATE gives a table another one, and does not heed snapshots: who reads with an older one
 * finds that table empty, and the others as they were. Such a state never was, and may show what nobody could ever read (a row, since
 * nobody is a member of its space any more, as it was while somebody was).
 */
export interface TableFiles {
  /** As they were read last; `undefined` before. */
  readonly known: string | undefined
  /** Reads them, after the call. @throws {LiveError} `database_unavailable` */
  read(): Promise<string>
}

// Not in the transaction that is in question: its snapshot is the old one.
// Not by pg_partition_tree either, which waits for whoever has locked a partition: this is done for every transaction that is asked.
const FILES = `WITH RECURSIVE part (root, oid) AS (
    SELECT pg_class.oid, pg_class.oid FROM unnest($1::text[]) AS named (name) JOIN pg_class ON pg_class.oid = to_regclass(name)
    UNION ALL SELECT part.root, inhrelid FROM part JOIN pg_inherits ON inhparent = part.oid)
  SELECT string_agg(pg_relation_filenode(oid)::text, ',' ORDER BY root, oid) AS files FROM part`

export function createTableFiles(
  { query }: Pick<EdgeDatabase, 'query'>,
  { models, joinTables }: Pick<DataModel, 'models' | 'joinTables'>,
): TableFiles {
  const tables = new Map<string, TableName>([...models.values(), ...joinTables].map(({ table }) => [tableKey(table), table]))
  const names = [...tables.values()].map(({ schema, name }) => `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`)
  let known: string | undefined
  return {
    get known() {
      return known
    },
    read: coalesce(async () => {
      const [row] = await query(FILES, [names])
      return (known = String(row?.['files']))
    }),
  }
}
