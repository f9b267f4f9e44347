import { tableName, type CapturedTable } from './captured-table.ts'
import { missingTables, readPublication, readTables, type TableFacts } from './database/catalog.ts'
import { createDatabase, type Query } from './database/query.ts'
import { checkSlotName, createSlot, dropSlot, isSlotLost, readSlot } from './database/slot.ts'
import { DEFAULT_CAPTURE_NAME } from './capture-name.ts'
import { CaptureError } from './errors.ts'
import { isPublishable } from './inspect.ts'
import { requireSlot } from './require-slot.ts'
import { quoteIdentifier, sqlName } from './sql-name.ts'

export interface SetupOptions {
  /** A direct connection string, of the tables' owner or a superuser. */
  url: string
  tables: readonly CapturedTable[]
  /** @defaultValue `zenstack_live` */
  publication?: string
  /** `false` makes none: for another program that reads changes through its own. @defaultValue `zenstack_live` */
  slot?: string | false
  /** Tells what would be done, and does nothing. */
  isDryRun?: boolean
}

export interface SetupReport {
  /** Statements that were run, or would be; empty when all was in place. */
  statements: string[]
  /** Tables that cannot be captured as they are, and why. */
  skipped: { table: string; reason: string }[]
}

/**
 * Prepares a database for a capture: replica identity FULL, a publication of exactly these tables, and the slot. Does nothing that is
 * already done, and asks for no lock on a table that is already right.
 *
 * `ALTER TABLE … REPLICA IDENTITY` needs an ACCESS EXCLUSIVE lock for a moment. With FULL every update and delete writes the whole old row
 * to the WAL.
 *
 * @throws {CaptureError} when the server cannot be reached, cannot stream changes, or the role may not
 */
export async function setUpCapture(options: SetupOptions): Promise<SetupReport> {
  const publication = options.publication ?? DEFAULT_CAPTURE_NAME
  const slot = options.slot === false ? undefined : checkSlotName(options.slot ?? DEFAULT_CAPTURE_NAME)
  const database = createDatabase(options.url)
  try {
    const tables = await readTables(database.query, options.tables)
    const statements = [
      ...tables.filter(isPublishable).flatMap(identityStatements),
      ...(await publicationStatements(database.query, publication, tables.filter(isPublishable))),
    ]
    if (options.isDryRun !== true) {
      // Nothing is half done for want of what the slot, which comes last, needs.
      if (slot !== undefined) await requireSlot(database.query, slot)
      for (const statement of statements) await run(database.query, statement)
    }
    if (slot !== undefined) statements.push(...(await prepareSlot(database.query, slot, options.isDryRun === true)))
    return { statements, skipped: skippedTables(options.tables, tables) }
  } finally {
    await database.close()
  }
}

async function run(query: Query, statement: string): Promise<void> {
  await query(statement).catch((cause: unknown) => {
    if (!(cause instanceof Error && 'code' in cause && cause.code === INSUFFICIENT_PRIVILEGE)) throw cause
    throw CaptureError.of(
      {
        kind: 'privilege',
        severity: 'error',
        message: `The role may not run \`${statement}\`: ${cause.message}.`,
        cure:
          'Run `zenstack-live setup` with the `database.url` of a superuser, or of the owner of the tables who also has `GRANT CREATE ON DATABASE`; ' +
          'or let one run what `zenstack-live setup --dry-run` prints.',
      },
      { cause },
    )
  })
}

const INSUFFICIENT_PRIVILEGE = '42501'

function identityStatements(table: TableFacts): string[] {
  const statements = table.replicaIdentity === 'f' ? [] : [`ALTER TABLE ${sqlName(table)} REPLICA IDENTITY FULL`]
  // The identity of the partition that holds the row is the one that counts.
  const partitions = table.partitions.filter(({ replicaIdentity }) => replicaIdentity !== 'f')
  return [...statements, ...partitions.map((partition) => `ALTER TABLE ${sqlName(partition)} REPLICA IDENTITY FULL`)]
}

async function publicationStatements(query: Query, name: string, tables: readonly TableFacts[]): Promise<string[]> {
  const quoted = quoteIdentifier(name)
  const publication = await readPublication(query, name)
  const list = tables.map(sqlName).join(', ')
  const settings = "publish = 'insert, update, delete, truncate', publish_via_partition_root = true"
  if (publication === undefined) return [`CREATE PUBLICATION ${quoted}${list === '' ? '' : ` FOR TABLE ${list}`} WITH (${settings})`]
  const statements: string[] = []
  if (!publication.publishesEverything || !publication.isViaRoot) statements.push(`ALTER PUBLICATION ${quoted} SET (${settings})`)
  if (publication.isForAllTables) return statements
  const wanted = new Set(tables.map(tableName))
  // One by one: a table that stays is not taken out for a moment, which would lose its changes.
  for (const table of tables)
    if (!publication.tables.has(tableName(table))) statements.push(`ALTER PUBLICATION ${quoted} ADD TABLE ${sqlName(table)}`)
  const extra = publication.members.filter((member) => !wanted.has(tableName(member)))
  return [...statements, ...extra.map((member) => `ALTER PUBLICATION ${quoted} DROP TABLE ${sqlName(member)}`)]
}

async function prepareSlot(query: Query, name: string, isDryRun: boolean): Promise<string[]> {
  const slot = await readSlot(query, name)
  if (slot !== undefined && !isSlotLost(slot)) return []
  const statements: string[] = []
  if (slot !== undefined) {
    statements.push(`SELECT pg_drop_replication_slot('${name}')`)
    if (!isDryRun) await dropSlot(query, name)
  }
  statements.push(`SELECT pg_create_logical_replication_slot('${name}', 'pgoutput')`)
  if (!isDryRun) await createSlot(query, name)
  return statements
}

function skippedTables(wanted: readonly CapturedTable[], found: readonly TableFacts[]): SetupReport['skipped'] {
  const missing = missingTables(wanted, found).map((table) => ({ table: tableName(table), reason: 'it does not exist' }))
  const unfit = found
    .filter((table) => !isPublishable(table))
    .map((table) => ({
      table: tableName(table),
      reason: table.persistence === 'u' ? 'it is unlogged' : 'it is not a table',
    }))
  const keyless = found
    .filter((table) => isPublishable(table) && !table.hasPrimaryKey)
    .map((table) => ({ table: tableName(table), reason: 'it has no primary key' }))
  return [...missing, ...unfit, ...keyless]
}
