import type { Catalog } from './catalog.ts'
import type { Refusal, TableName } from './data-model.ts'

/** Why changes of a table cannot be followed, if so. */
export function refusalOfTable(catalog: Catalog, table: TableName): Refusal | undefined {
  const name = `"${table.schema}"."${table.name}"`
  const found = catalog.tables[`${table.schema}.${table.name}`]
  if (found === undefined) {
    return { reason: 'missing_table', message: `Table ${name} is not in the database.`, cure: 'Run the migrations, or check @@map and @@schema.' }
  }
  if (found.kind === 'view' || found.kind === 'foreign' || found.kind === 'other') {
    return { reason: 'view', message: `${name} is a ${found.kind}: it has no changes of its own.`, cure: 'Read the tables behind it.' }
  }
  if (found.hasHeirs === true) {
    return {
      reason: 'inherited',
      message: `Other tables inherit from ${name}: reading it shows their rows, whose changes go by their own names.`,
      cure: 'Make it a partitioned table, or give up the inheritance.',
    }
  }
  if (found.persistence !== 'permanent') {
    return {
      reason: 'unlogged',
      message: `Table ${name} is ${found.persistence}: its changes are not in the write-ahead log.`,
      cure: `ALTER TABLE ${name} SET LOGGED`,
    }
  }
  if (found.replicaIdentity !== 'full') {
    return {
      reason: 'replica_identity',
      message: `Table ${name} has replica identity ${found.replicaIdentity}: changes do not say what the row was.`,
      cure: `ALTER TABLE ${name} REPLICA IDENTITY FULL, or run \`zenstack-live setup\``,
    }
  }
  return undefined
}

/** The same of a table that could be captured: those that cannot be are in no publication of ours. */
export function refusalOfUnpublished(catalog: Catalog, table: TableName): Refusal | undefined {
  if (catalog.tables[`${table.schema}.${table.name}`]?.isUnpublished !== true) return undefined
  return {
    reason: 'unpublished',
    message: `The publication leaves out table "${table.schema}"."${table.name}", or some of its changes.`,
    cure: 'Run `zenstack-live setup`',
  }
}
