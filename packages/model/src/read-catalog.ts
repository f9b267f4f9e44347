import type { Catalog, CatalogColumn, CatalogTable, Collation } from './catalog.ts'

/** Runs one statement; rows are objects by column name. */
export type Query = (sql: string, parameters?: unknown[]) => Promise<Record<string, unknown>[]>

const KINDS: Record<string, CatalogTable['kind']> = { r: 'table', p: 'partitioned', v: 'view', m: 'view', f: 'foreign' }
const PERSISTENCE: Record<string, CatalogTable['persistence']> = { p: 'permanent', u: 'unlogged', t: 'temporary' }
const IDENTITIES: Record<string, CatalogTable['replicaIdentity']> = { d: 'default', n: 'nothing', f: 'full', i: 'index' }
const PROVIDERS: Record<string, Collation['provider']> = { c: 'libc', b: 'builtin', i: 'icu' }

// Postgres 14 has neither the column nor the provider; `to_jsonb` asks without naming what may be missing.
const DATABASE = `
  SELECT current_setting('server_version_num')::int AS version, pg_encoding_to_char(encoding) AS encoding,
    current_setting('TimeZone') AS "timeZone", datcollate AS collate,
    datctype AS ctype, to_jsonb(d)->>'datlocprovider' AS provider, coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale') AS locale
  FROM pg_database d WHERE datname = current_database()`

const TABLES = `
  SELECT n.nspname AS schema, c.relname AS name, c.relkind::text AS kind, c.relpersistence::text AS persistence,
    c.relreplident::text AS identity, c.relispartition AS "isPartition", c.relrowsecurity AS "hasRowSecurity",
    c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid) AS "hasHeirs",
    (SELECT coalesce(json_agg(k.columns ORDER BY i.indisprimary DESC, i.indexrelid), '[]') FROM pg_index i
      CROSS JOIN LATERAL (SELECT json_agg(a.attname ORDER BY p.place) AS columns, bool_and(a.attnotnull) AS "areRequired"
        FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS p(attnum, place)
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.attnum WHERE p.place <= i.indnkeyatts) AS k
      WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND k."areRequired") AS "uniqueKeys",
    (SELECT coalesce(json_agg(json_build_object('referenced', rn.nspname || '.' || r.relname,
        'columns', (SELECT json_agg(a.attname ORDER BY k.place) FROM unnest(f.conkey) WITH ORDINALITY AS k(attnum, place)
          JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.attnum),
        'referencedColumns', (SELECT json_agg(a.attname ORDER BY k.place) FROM unnest(f.confkey) WITH ORDINALITY AS k(attnum, place)
          JOIN pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = k.attnum)) ORDER BY f.conname), '[]')
      FROM pg_constraint f JOIN pg_class r ON r.oid = f.confrelid JOIN pg_namespace rn ON rn.oid = r.relnamespace
      WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.convalidated) AS "foreignKeys"
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`

const COLUMNS = `
  WITH RECURSIVE resolved(oid, base, typmod) AS (
    SELECT t.oid, t.oid, -1 FROM pg_type t WHERE t.typtype <> 'd'
    UNION ALL
    SELECT t.oid, r.base, CASE WHEN t.typtypmod >= 0 THEN t.typtypmod ELSE r.typmod END FROM pg_type t JOIN resolved r ON t.typbasetype = r.oid AND t.typtype = 'd'
  )
  SELECT n.nspname AS schema, c.relname AS table, a.attname AS name, a.attnotnull AS "isRequired", a.attgenerated <> '' AS "isGenerated",
    coalesce(e.typname, b.typname) AS type, e.oid IS NOT NULL AS "isArray", CASE WHEN a.atttypmod >= 0 THEN a.atttypmod ELSE r.typmod END AS typmod,
    CASE co.collprovider WHEN 'd' THEN 'default' ELSE quote_ident(cn.nspname) || '.' || quote_ident(co.collname) END AS collation, co.collprovider::text AS provider,
    coalesce(to_jsonb(co)->>'colllocale', to_jsonb(co)->>'colliculocale', co.collcollate) AS locale, co.collctype AS ctype,
    co.collisdeterministic AS "isDeterministic",
    (SELECT json_agg(l.enumlabel ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = coalesce(e.oid, b.oid)) AS labels
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN resolved r ON r.oid = a.atttypid JOIN pg_type b ON b.oid = r.base
    LEFT JOIN pg_type e ON b.typcategory = 'A' AND e.oid = b.typelem AND b.typlen = -1
    LEFT JOIN pg_collation co ON co.oid = a.attcollation LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace
  WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  ORDER BY c.oid, a.attnum`

/** `isWhole`: no row filter, no list of columns, and no kind of change is left out. Postgres 14 knows none of the first two. */
const PUBLISHED = `
  SELECT t.schemaname AS schema, t.tablename AS name, p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate
    AND to_jsonb(t)->>'rowfilter' IS NULL AND to_jsonb(r)->>'prattrs' IS NULL AS "isWhole"
  FROM pg_publication p LEFT JOIN pg_publication_tables t ON t.pubname = p.pubname
    LEFT JOIN pg_namespace n ON n.nspname = t.schemaname LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
    LEFT JOIN pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = c.oid
  WHERE p.pubname = $1`

/**
 * Reads what {@link createDataModel} needs to know about a database: a few catalog queries, no locks, no rows of tables.
 *
 * @param options.publication - whose tables alone have changes that can be followed; without one, or while there is none of this name, all have
 */
export async function readCatalog(query: Query, options: { publication?: string | undefined } = {}): Promise<Catalog> {
  const [database = {}] = await query(DATABASE)
  const catalog: Catalog = {
    serverVersion: Number(database['version']),
    encoding: text(database['encoding']),
    timeZone: text(database['timeZone']),
    collations: {},
    tables: {},
  }
  catalog.collations['default'] = {
    provider: PROVIDERS[text(database['provider'] ?? 'c')] ?? 'unknown',
    locale: text(database['locale'] ?? database['collate']),
    isDeterministic: true,
  }
  for (const row of await query(TABLES)) addTable(catalog, row)
  for (const row of await query(COLUMNS)) addColumn(catalog, row)
  if (options.publication !== undefined) notePublished(catalog, await query(PUBLISHED, [options.publication]))
  for (const [name, collation] of Object.entries(catalog.collations)) await addLowerCase(query, catalog, name, collation)
  return catalog
}

function addTable(catalog: Catalog, row: Record<string, unknown>): void {
  const schema = text(row['schema'])
  const name = text(row['name'])
  catalog.tables[`${schema}.${name}`] = {
    schema,
    name,
    kind: row['isPartition'] === true ? 'partition' : (KINDS[text(row['kind'])] ?? 'other'),
    persistence: PERSISTENCE[text(row['persistence'])] ?? 'temporary',
    replicaIdentity: IDENTITIES[text(row['identity'])] ?? 'nothing',
    uniqueKeys: json(row['uniqueKeys']) as string[][],
    hasRowSecurity: row['hasRowSecurity'] === true,
    ...(row['hasHeirs'] === true ? { hasHeirs: true } : {}),
    columns: {},
    foreignKeys: (json(row['foreignKeys']) as { columns: string[]; referenced: string; referencedColumns: string[] }[]).map((key) => ({
      columns: key.columns,
      referencedTable: key.referenced,
      referencedColumns: key.referencedColumns,
    })),
  }
}

/** @param rows - none when there is no such publication: then it is for the capture to say so */
function notePublished(catalog: Catalog, rows: readonly Record<string, unknown>[]): void {
  if (rows.length === 0) return
  const whole = new Set(rows.filter((row) => row['isWhole'] === true).map((row) => `${text(row['schema'])}.${text(row['name'])}`))
  for (const [name, table] of Object.entries(catalog.tables)) if (!whole.has(name)) table.isUnpublished = true
}

function addColumn(catalog: Catalog, row: Record<string, unknown>): void {
  const table = catalog.tables[`${text(row['schema'])}.${text(row['table'])}`]
  if (table === undefined) return
  const column: CatalogColumn = {
    name: text(row['name']),
    type: text(row['type']),
    typmod: Number(row['typmod'] ?? -1),
    isArray: row['isArray'] === true,
    isNullable: row['isRequired'] !== true,
    isGenerated: row['isGenerated'] === true,
  }
  const labels = json(row['labels'])
  if (Array.isArray(labels)) column.enumLabels = labels as string[]
  if (row['collation'] !== null && row['collation'] !== undefined) column.collation = addCollation(catalog, row)
  table.columns[column.name] = column
}

function addCollation(catalog: Catalog, row: Record<string, unknown>): string {
  const name = text(row['collation'])
  if (row['provider'] !== 'd') {
    catalog.collations[name] ??= {
      provider: PROVIDERS[text(row['provider'])] ?? 'unknown',
      locale: text(row['locale']),
      isDeterministic: row['isDeterministic'] === true,
    }
  }
  return name
}

/**
 * Asks Postgres itself for its case mapping: libc and the built-in provider map character by character, each with its own tables.
 * The built-in `PG_UNICODE_FAST` and ICU look at neighbours, so no table can stand for them.
 */
async function addLowerCase(query: Query, catalog: Catalog, name: string, collation: Collation): Promise<void> {
  const isPerCharacter = collation.provider === 'libc' || (collation.provider === 'builtin' && collation.locale !== 'PG_UNICODE_FAST')
  if (!isPerCharacter || catalog.encoding !== 'UTF8') return
  // The others are named as SQL names them.
  const quoted = name === 'default' ? '"default"' : name
  // Above U+1FFFF no character has a case; U+D800..U+DFFF are not characters.
  const rows = await query(
    `SELECT chr(i) AS upper, lower(chr(i) COLLATE ${quoted}) AS lower FROM generate_series(1, 131071) AS i
     WHERE NOT i BETWEEN 55296 AND 57343 AND lower(chr(i) COLLATE ${quoted}) <> chr(i)`,
  )
  collation.lowerCase = Object.fromEntries(rows.map((row) => [text(row['upper']), text(row['lower'])]))
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : String(value)
}

/** Drivers give `json` parsed or as text. */
function json(value: unknown): unknown {
  return typeof value === 'string' ? JSON.parse(value) : value
}
