import type { TypeFacts } from '../encode/column-codec.ts'
import { tableName, type CapturedTable } from '../captured-table.ts'
import type { Query } from './query.ts'

/** What the catalog says of a captured table. Plain JSON: two of them are compared by their text. */
export interface TableFacts {
  oid: number
  schema: string
  name: string
  /** `r` table, `p` partitioned, `v` view, `m` materialized view, `f` foreign. */
  kind: string
  /** `p`ermanent, `u`nlogged, `t`emporary. */
  persistence: string
  replicaIdentity: string
  /** Native row-level security is on: what memory would show, the database may keep from who asks. */
  hasRowSecurity: boolean
  columns: ColumnFacts[]
  /** Which transactions made or changed its columns, dropped ones included. */
  history: string
  /** Columns of the primary key in its order, or of a unique index where there is none. */
  key: string[]
  hasPrimaryKey: boolean
  /**
   * Leaves of a partitioned table, with their identity, and the file each lies in. TRUNCATE of one is not in a stream that names the root,
   * but gives it another file; so do VACUUM FULL, CLUSTER and whatever else rewrites it, after which its readers begin anew for nothing, and
   * TRUNCATE of the root, after which they begin anew a second time.
   */
  partitions: { schema: string; name: string; replicaIdentity: string; persistence: string; file: string }[]
}

export interface ColumnFacts {
  name: string
  typeOid: number
  typmod: number
  isNotNull: boolean
  /** The default's expression; Debezium prints constant ones for a NOT NULL column that was not sent. */
  hasDefault: boolean
}

const TABLES = `
SELECT c.oid::int8::text AS oid, n.nspname AS schema, c.relname AS name, c.relkind::text AS kind, c.relpersistence::text AS persistence,
  c.relreplident::text AS identity, c.relrowsecurity AS "rowSecurity",
  (SELECT json_agg(json_build_array(a.attname, a.atttypid::int8, a.atttypmod, a.attnotnull, a.atthasdef) ORDER BY a.attnum)
     FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
  (SELECT string_agg(a.attnum || ':' || a.xmin, ' ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0) AS history,
  (SELECT json_agg(json_build_array(i.indisprimary, (
       SELECT json_agg(a.attname ORDER BY k.place)
         FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, place) JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
        WHERE k.place <= i.indnkeyatts)) ORDER BY i.indisprimary DESC, x.relname)
     FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
    WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL) AS keys,
  (SELECT json_agg(json_build_object('schema', pn.nspname, 'name', pc.relname, 'replicaIdentity', pc.relreplident::text,
                                     'persistence', pc.relpersistence::text, 'file', pc.relfilenode::int8::text) ORDER BY pn.nspname, pc.relname)
     FROM pg_partition_tree(c.oid) t JOIN pg_class pc ON pc.oid = t.relid JOIN pg_namespace pn ON pn.oid = pc.relnamespace
    WHERE c.relkind = 'p' AND t.isleaf) AS partitions
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN unnest($1::text[], $2::text[]) wanted(schema, name) ON wanted.schema = n.nspname AND wanted.name = c.relname
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
ORDER BY n.nspname, c.relname`

/** The facts of these tables; one that does not exist is not in the answer. */
export async function readTables(query: Query, tables: readonly CapturedTable[]): Promise<TableFacts[]> {
  const rows = await query(TABLES, [tables.map((table) => table.schema), tables.map((table) => table.name)])
  return rows.map(parseTable)
}

/** Names of the columns that are in the stream of changes: all that are not generated, which it leaves out unless it is told otherwise. */
export async function readStoredColumns(query: Query, table: TableFacts): Promise<string[]> {
  const sql = `SELECT attname::text AS name FROM pg_attribute WHERE attrelid = $1::int8::oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum`
  return (await query(sql, [table.oid])).map((row) => String(row['name']))
}

const TYPES = `
SELECT t.oid::int8::text AS oid, t.typname AS name, t.typtype::text AS kind, t.typbasetype::int8::text AS base, t.typtypmod AS typmod,
  CASE WHEN t.typlen = -1 AND t.typsubscript = 'array_subscript_handler'::regproc THEN t.typelem::int8 ELSE 0 END::text AS element
FROM pg_type t WHERE t.oid = ANY($1::int8[]::oid[])`

/** The facts of these types, and of what they are made of. */
export async function readTypes(query: Query, oids: Iterable<number>): Promise<Map<number, TypeFacts>> {
  const types = new Map<number, TypeFacts>()
  let wanted = [...new Set(oids)]
  // Domains over domains over arrays: each round goes one level down.
  while (wanted.length > 0) {
    const rows = await query(TYPES, [wanted])
    const found = rows.map(parseType)
    for (const type of found) types.set(type.oid, type)
    wanted = [...new Set(found.flatMap((type) => [type.baseOid, type.elementOid]))].filter((oid) => oid !== 0 && !types.has(oid))
  }
  return types
}

/** What of a table's facts makes rows look different: compared to notice a change. */
export function tableShape(facts: TableFacts): string {
  const { oid, columns, history, key, replicaIdentity, hasRowSecurity, persistence, partitions } = facts
  return JSON.stringify([
    oid,
    persistence,
    replicaIdentity,
    hasRowSecurity,
    key,
    history,
    columns.map((column) => [column.name, column.typeOid, column.typmod]),
    partitions,
  ])
}

/** What a publication covers; `undefined` when there is none of this name. */
export async function readPublication(query: Query, name: string): Promise<PublicationFacts | undefined> {
  const [row] = await query(
    `SELECT p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate AS everything, p.pubviaroot AS viaroot, p.puballtables AS alltables,
       (SELECT json_agg(json_build_array(t.schemaname, t.tablename, coalesce(r.oid::int8, 0),
             (to_jsonb(t) ->> 'rowfilter') IS NOT NULL OR (to_jsonb(r) ->> 'prattrs') IS NOT NULL))
          FROM pg_publication_tables t JOIN pg_namespace n ON n.nspname = t.schemaname
          JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
          LEFT JOIN pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = c.oid
         WHERE t.pubname = p.pubname) AS tables
     FROM pg_publication p WHERE p.pubname = $1`,
    [name],
  )
  if (row === undefined) return undefined
  const tables = (row['tables'] ?? []) as [string, string, number, boolean][]
  return {
    publishesEverything: row['everything'] === true,
    isViaRoot: row['viaroot'] === true,
    isForAllTables: row['alltables'] === true,
    members: tables.map(([schema, table, , isPartial]) => ({ schema, name: table, isPartial })),
    tables: new Map(tables.map(([schema, table, membership]) => [tableName({ schema, name: table }), membership])),
  }
}

export interface PublicationFacts {
  /** Inserts, updates, deletes and truncates. */
  publishesEverything: boolean
  /** Changes of partitions come under the name of their root. */
  isViaRoot: boolean
  isForAllTables: boolean
  /** `isPartial`: a row filter or a list of columns leaves something out. */
  members: { schema: string; name: string; isPartial: boolean }[]
  /** `schema.table` → what the catalog calls its membership, another one after it was left and joined again. */
  tables: ReadonlyMap<string, number>
}

export function missingTables(wanted: readonly CapturedTable[], found: readonly TableFacts[]): CapturedTable[] {
  const names = new Set(found.map(tableName))
  return wanted.filter((table) => !names.has(tableName(table)))
}

// The two queries above fix the types of their columns; these only give them names.
function parseTable(row: Record<string, unknown>): TableFacts {
  const keys = (row['keys'] ?? []) as [boolean, string[]][]
  const columns = (row['columns'] ?? []) as [string, number, number, boolean, boolean][]
  return {
    oid: Number(row['oid']),
    schema: String(row['schema']),
    name: String(row['name']),
    kind: String(row['kind']),
    persistence: String(row['persistence']),
    replicaIdentity: String(row['identity']),
    hasRowSecurity: row['rowSecurity'] === true,
    history: String(row['history']),
    columns: columns.map(([name, typeOid, typmod, isNotNull, hasDefault]) => ({ name, typeOid, typmod, isNotNull, hasDefault })),
    key: keys[0]?.[1] ?? [],
    hasPrimaryKey: keys[0]?.[0] ?? false,
    partitions: (row['partitions'] ?? []) as TableFacts['partitions'],
  }
}

function parseType(row: Record<string, unknown>): TypeFacts {
  return {
    oid: Number(row['oid']),
    name: String(row['name']),
    kind: String(row['kind']),
    baseOid: Number(row['base']),
    baseTypmod: Number(row['typmod']),
    elementOid: Number(row['element']),
  }
}
