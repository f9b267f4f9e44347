import { tableName, type CapturedTable } from './captured-table.ts'
import { readPublication, readTables, type PublicationFacts, type TableFacts } from './database/catalog.ts'
import { createDatabase, type Query } from './database/query.ts'
import { isSlotLost, readSlot, type SlotFacts } from './database/slot.ts'
import { CaptureError, type CaptureProblem } from './errors.ts'
import { quoteIdentifier, sqlName } from './sql-name.ts'

/** What is to be captured, and through what. */
export interface CaptureTarget {
  slot: string
  publication: string
  tables: readonly CapturedTable[]
}

export interface CaptureInspection {
  server: ServerFacts | undefined
  slot: SlotFacts | undefined
  publication: PublicationFacts | undefined
  tables: TableFacts[]
  /** In the order in which they are best mended. */
  problems: CaptureProblem[]
}

export interface ServerFacts {
  version: string
  versionNumber: number
  walLevel: string
  user: string
  database: string
  canReplicate: boolean
  isStandby: boolean
  maxSlots: number
  maxSenders: number
  usedSlots: number
  usedSenders: number
  /** `-1` where nothing bounds what a slot may hold back. */
  maxSlotKeepMb: number
}

/** Postgres 14 is the oldest that this is tried with. */
const MIN_VERSION = 140_000

/** Looks at everything that a capture needs and says what is missing, and what mends it. Changes nothing. */
export async function inspectCapture(options: CaptureTarget & { url: string }): Promise<CaptureInspection> {
  const database = createDatabase(options.url)
  try {
    return await inspect(database.query, options)
  } catch (error) {
    if (!(error instanceof CaptureError) || error.problem === undefined) throw error
    return { server: undefined, slot: undefined, publication: undefined, tables: [], problems: [error.problem] }
  } finally {
    await database.close()
  }
}

/**
 * The part of the inspection that a capture repeats before it begins.
 *
 * @returns whether another process has the slot
 * @throws {CaptureError} for the first problem that stops the capture; what only concerns one table is the reader's business
 */
export async function checkCapture(query: Query, target: CaptureTarget): Promise<boolean> {
  const { slot, problems } = await inspect(query, target)
  const fatal = problems.find(({ severity, kind }) => severity === 'error' && !MENDED_BY_START.has(kind) && !ONE_TABLE.has(kind))
  if (fatal !== undefined) throw CaptureError.of(fatal)
  return slot !== undefined && slot.isActive && !isSlotLost(slot)
}

const MENDED_BY_START = new Set<CaptureProblem['kind']>(['slot_missing', 'slot_lost'])
const ONE_TABLE = new Set<CaptureProblem['kind']>(['table_missing', 'table_kind', 'table_key', 'replica_identity'])

async function inspect(query: Query, target: CaptureTarget): Promise<CaptureInspection> {
  const server = await readServer(query)
  const slot = await readSlot(query, target.slot)
  const publication = await readPublication(query, target.publication)
  const tables = await readTables(query, target.tables)
  const problems = [
    ...serverProblems(server, slot),
    ...target.tables.flatMap((table) => tableProblems(table, tables)),
    ...publicationProblems(target, publication, tables),
    ...slotProblems(target.slot, slot, server),
  ]
  return { server, slot, publication, tables, problems }
}

export async function readServer(query: Query): Promise<ServerFacts> {
  const [row = {}] = await query(
    `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
       current_setting('wal_level') AS wal_level, current_user AS username, current_database() AS database,
       (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user) AS replicates, pg_is_in_recovery() AS standby,
       current_setting('max_replication_slots')::int AS max_slots, current_setting('max_wal_senders')::int AS max_senders,
       (SELECT count(*)::int FROM pg_replication_slots) AS slots, (SELECT count(*)::int FROM pg_stat_replication) AS senders,
       (SELECT setting::int FROM pg_settings WHERE name = 'max_slot_wal_keep_size') AS keep`,
  )
  return {
    version: String(row['version']),
    versionNumber: Number(row['number']),
    walLevel: String(row['wal_level']),
    user: String(row['username']),
    database: String(row['database']),
    canReplicate: row['replicates'] === true,
    isStandby: row['standby'] === true,
    maxSlots: Number(row['max_slots']),
    maxSenders: Number(row['max_senders']),
    usedSlots: Number(row['slots']),
    usedSenders: Number(row['senders']),
    maxSlotKeepMb: Number(row['keep']),
  }
}

export function serverProblems(server: ServerFacts, slot: SlotFacts | undefined): CaptureProblem[] {
  const problems: CaptureProblem[] = []
  const error = (kind: CaptureProblem['kind'], message: string, cure: string): void => void problems.push({ kind, severity: 'error', message, cure })
  if (server.versionNumber < MIN_VERSION)
    error('server_version', `Postgres is ${server.version}; 14 is the oldest that can be captured.`, 'Upgrade the server.')
  if (server.walLevel !== 'logical') {
    error(
      'wal_level',
      `wal_level is "${server.walLevel}"; changes can only be read with "logical".`,
      'Run `ALTER SYSTEM SET wal_level = logical` and restart Postgres.',
    )
  }
  if (!server.canReplicate) {
    const role = quoteIdentifier(server.user)
    error(
      'replication_role',
      `The role ${role} may not replicate.`,
      `As a superuser, run \`ALTER ROLE ${role} REPLICATION\` (on RDS: \`GRANT rds_replication TO ${role}\`).`,
    )
  }
  if (slot === undefined && server.usedSlots >= server.maxSlots) {
    error(
      'replication_slots',
      `All ${server.maxSlots} replication slots are taken.`,
      'Drop one that nobody uses, or raise `max_replication_slots` and restart Postgres.',
    )
  }
  if (slot?.isActive !== true && server.usedSenders >= server.maxSenders) {
    error('replication_slots', `All ${server.maxSenders} WAL senders are busy.`, 'Raise `max_wal_senders` and restart Postgres.')
  }
  if (server.maxSlotKeepMb === -1) {
    problems.push({
      kind: 'slot_retention',
      severity: 'warning',
      message: 'Nothing bounds the WAL that a slot holds back: while no capture runs, it can fill the disk.',
      cure: "Run `ALTER SYSTEM SET max_slot_wal_keep_size = '10GB'` (less than the disk has free) and `SELECT pg_reload_conf()`.",
    })
  }
  return problems
}

function tableProblems(table: CapturedTable, found: readonly TableFacts[]): CaptureProblem[] {
  const name = tableName(table)
  const problem = (kind: CaptureProblem['kind'], message: string, cure: string): CaptureProblem => ({
    kind,
    severity: 'error',
    message,
    cure,
    table: name,
  })
  const facts = found.find((candidate) => tableName(candidate) === name)
  if (facts === undefined)
    return [problem('table_missing', `There is no table ${name}.`, 'Push the schema to the database: `zen db push`, or run its migrations.')]
  const sql = sqlName(facts)
  if (facts.kind !== 'r' && facts.kind !== 'p')
    return [problem('table_kind', `${name} is not a table; only tables have changes.`, 'Query it without `live`.')]
  const problems: CaptureProblem[] = []
  const unlogged = facts.persistence !== 'p' ? [name] : facts.partitions.filter(({ persistence }) => persistence !== 'p').map(tableName)
  if (unlogged.length > 0)
    problems.push(
      problem('table_kind', `${unlogged.join(', ')} is unlogged: its changes are not in the WAL.`, `Run \`ALTER TABLE ${sql} SET LOGGED\`.`),
    )
  if (!facts.hasPrimaryKey) problems.push(problem('table_key', `${name} has no primary key.`, `Run \`ALTER TABLE ${sql} ADD PRIMARY KEY (…)\`.`))
  const partial = facts.kind === 'p' ? facts.partitions.filter(({ replicaIdentity }) => replicaIdentity !== 'f').map(tableName) : []
  if (facts.replicaIdentity !== 'f' || partial.length > 0) {
    const identity = IDENTITIES[facts.replicaIdentity === 'f' ? 'd' : facts.replicaIdentity] ?? facts.replicaIdentity
    const which = facts.replicaIdentity === 'f' ? partial.join(', ') : name
    problems.push(
      problem(
        'replica_identity',
        `The replica identity of ${which} is ${identity}; old rows are only complete with FULL.`,
        'Run `zenstack-live setup`.',
      ),
    )
  }
  return problems
}

const IDENTITIES: Readonly<Record<string, string>> = { d: 'DEFAULT', n: 'NOTHING', f: 'FULL', i: 'USING INDEX' }

function publicationProblems(target: CaptureTarget, publication: PublicationFacts | undefined, tables: readonly TableFacts[]): CaptureProblem[] {
  const name = quoteIdentifier(target.publication)
  const cure = 'Run `zenstack-live setup`.'
  if (publication === undefined) return [{ kind: 'publication_missing', severity: 'error', message: `There is no publication ${name}.`, cure }]
  const problems: CaptureProblem[] = []
  if (!publication.publishesEverything) {
    problems.push({
      kind: 'publication_options',
      severity: 'error',
      message: `The publication ${name} leaves out inserts, updates, deletes or truncates.`,
      cure,
    })
  }
  if (!publication.isViaRoot && tables.some(({ kind }) => kind === 'p')) {
    problems.push({
      kind: 'publication_options',
      severity: 'error',
      message: `The publication ${name} names partitions instead of their root.`,
      cure,
    })
  }
  for (const table of publication.members.filter(({ isPartial }) => isPartial)) {
    const message = `The publication ${name} has a row filter or a list of columns for ${tableName(table)}: changes would be missing.`
    const again = `Run \`ALTER PUBLICATION ${name} DROP TABLE ${sqlName(table)}\`, then \`zenstack-live setup\`.`
    problems.push({ kind: 'publication_options', severity: 'error', message, cure: again, table: tableName(table) })
  }
  for (const table of tables.filter(isPublishable)) {
    if (publication.tables.has(tableName(table))) continue
    const message = `The publication ${name} lacks ${tableName(table)}: its changes would be lost.`
    problems.push({ kind: 'publication_table', severity: 'error', message, cure, table: tableName(table) })
  }
  return problems
}

function slotProblems(name: string, slot: SlotFacts | undefined, server: ServerFacts): CaptureProblem[] {
  if (slot === undefined)
    return slotProblem('slot_missing', `There is no replication slot "${name}".`, 'Run `zenstack-live setup`, or start a capture: it makes it.')
  if (slot.plugin !== 'pgoutput' || slot.database !== server.database) {
    const what = slot.plugin === null ? 'a physical one' : `of plugin ${slot.plugin} in database "${slot.database ?? ''}"`
    return slotProblem('slot_foreign', `The replication slot "${name}" is ${what}.`, 'Choose another name for the slot.')
  }
  if (isSlotLost(slot)) {
    return slotProblem(
      'slot_lost',
      `The replication slot "${name}" lost its WAL: it waited longer than the server keeps it.`,
      'Start a capture: it makes the slot again and begins a new epoch. Raise `max_slot_wal_keep_size` if it happens again.',
    )
  }
  return []
}

/** Only tables that are in the WAL can be in a publication. */
export function isPublishable(table: TableFacts): boolean {
  return (table.kind === 'r' || table.kind === 'p') && table.persistence === 'p'
}

function slotProblem(kind: CaptureProblem['kind'], message: string, cure: string): CaptureProblem[] {
  return [{ kind, severity: 'error', message, cure }]
}
