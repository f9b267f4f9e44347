import type { SQL } from 'drizzle-orm'
import { getTableConfig, type ExtraConfigColumn, type PgTable } from 'drizzle-orm/pg-core'

/** How appends lock an identifier: `exclusive` makes the position order of its events their commit order. */
export type IdentifierLock = 'exclusive' | 'shared'

/** A field of the event data that conditions and reads name, with an index of its own. */
export interface Identifier {
  readonly key: string
  /** `shared` is for identifiers that many unrelated appends carry, such as `tenantId`. @defaultValue 'exclusive' */
  readonly lock: IdentifierLock
}

type IndexColumn = Partial<ExtraConfigColumn> | SQL

export interface AdditionalIndex {
  readonly name: string
  readonly columns: [IndexColumn, ...IndexColumn[]]
}

export interface ProjectionsTableConfig {
  /** A Postgres schema; `public` unless set. */
  readonly schema?: string | undefined
  readonly name?: string | undefined
  /** Fields of the data that are looked up often. */
  readonly dataIndexes?: readonly string[] | undefined
  readonly additionalIndexes?: readonly AdditionalIndex[] | undefined
}

export interface EventsTableConfig extends ProjectionsTableConfig {
  /** What events belong to: a cart, a user, a tenant. Same as `dataIndexes`, and says how each is locked. */
  readonly identifiers?: readonly (string | { readonly key: string; readonly lock?: IdentifierLock })[] | undefined
}

// Symbol.for: two copies of this package must understand each other's tables.
const IDENTIFIERS = Symbol.for('zenstack-live.event-sourcing.identifiers')

/** A table as SQL text needs it. */
export interface TableInfo {
  readonly schema: string | undefined
  readonly name: string
  /** Quoted, with its schema. */
  readonly sqlName: string
  readonly identifiers: readonly Identifier[]
}

/** The identifiers of `identifiers` and `dataIndexes`, each once, in the order in which they are declared. */
export function resolveIdentifiers(config: EventsTableConfig): Identifier[] {
  const byKey = new Map<string, Identifier>()
  for (const entry of [...(config.identifiers ?? []), ...(config.dataIndexes ?? [])]) {
    const { key, lock = 'exclusive' } = typeof entry === 'string' ? { key: entry } : entry
    if (key === '') throw new TypeError('An identifier needs a name.')
    if (!byKey.has(key)) byKey.set(key, { key, lock })
  }
  return [...byKey.values()]
}

export function rememberIdentifiers(table: object, identifiers: readonly Identifier[]): void {
  Object.defineProperty(table, IDENTIFIERS, { value: identifiers })
}

export function tableInfo(table: PgTable): TableInfo {
  const { schema, name } = getTableConfig(table)
  const identifiers: unknown = Reflect.get(table, IDENTIFIERS)
  return {
    schema,
    name,
    sqlName: qualify(schema, name),
    // Only rememberIdentifiers writes under this symbol.
    identifiers: (identifiers as readonly Identifier[] | undefined) ?? [],
  }
}

export function qualify(schema: string | undefined, name: string): string {
  return schema === undefined ? quoteIdentifier(name) : `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`
}

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A string literal that means the same whatever `standard_conforming_strings` says. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`
  return text.includes('\\') ? `E${quoted}` : quoted
}
