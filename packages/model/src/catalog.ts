/** What a database says about itself. Plain data: it can be kept, compared and sent. */
export interface Catalog {
  /** Such as 180004. */
  serverVersion: number
  encoding: string
  /** `TimeZone` of sessions, by which Postgres turns instants into local times. */
  timeZone: string
  /** By schema and name, as SQL writes them; `default` is the database's own. */
  collations: Record<string, Collation>
  /** By `schema.table`. */
  tables: Record<string, CatalogTable>
}

export interface Collation {
  provider: 'libc' | 'builtin' | 'icu' | 'unknown'
  locale: string
  isDeterministic: boolean
  /**
   * What `lower()` makes of single characters, where it works character by character: lower-case text by upper-case text, ASCII
   * included. Absent where the result may depend on neighbours (ICU).
   */
  lowerCase?: Record<string, string>
}

export interface CatalogTable {
  schema: string
  name: string
  kind: 'table' | 'partitioned' | 'partition' | 'view' | 'foreign' | 'other'
  persistence: 'permanent' | 'unlogged' | 'temporary'
  replicaIdentity: 'default' | 'nothing' | 'full' | 'index'
  /** The publication that was asked about holds not all changes of it. Absent where it does, and where there is no such publication. */
  isUnpublished?: true
  /** Columns that tell rows apart, and are never NULL: of the primary key first, then of unique indexes. */
  uniqueKeys: string[][]
  /** Native row-level security is on: what Postgres shows depends on its role, not only on ZenStack's policies. */
  hasRowSecurity: boolean
  /** Other tables inherit from it, and are no partitions of it. */
  hasHeirs?: boolean
  columns: Record<string, CatalogColumn>
  foreignKeys: CatalogForeignKey[]
}

export interface CatalogColumn {
  name: string
  /** Base type as `pg_type.typname`, domains resolved, for arrays the element's: `int4`, `timestamptz`, an enum's name. */
  type: string
  /** Modifier of the base type, such as the digits of `timestamp(3)`; -1 for none. */
  typmod: number
  isArray: boolean
  isNullable: boolean
  /** Stored generated columns may be missing from the change stream. */
  isGenerated: boolean
  /** Key of {@link Catalog.collations}; absent for types that have none. */
  collation?: string
  /** An enum's labels in their order. */
  enumLabels?: string[]
}

/** A foreign key that Postgres enforces and has validated: a non-null reference has its row. */
export interface CatalogForeignKey {
  columns: string[]
  referencedTable: string
  referencedColumns: string[]
}
