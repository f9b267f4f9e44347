import { parseLsn, type Lsn } from '@zenstack-live/protocol'
import { CaptureError } from '../errors.ts'
import type { ReplicationConnection } from '../replication/replication-connection.ts'
import type { Query } from './query.ts'

/** A replication slot as the server shows it. */
export interface SlotFacts {
  name: string
  plugin: string | null
  database: string | null
  isActive: boolean
  /** Process of the server that reads from it. */
  activePid: number | null
  confirmedLsn: Lsn | undefined
  restartLsn: Lsn | undefined
  /** `reserved`, `extended`, `unreserved` or `lost`. */
  walStatus: string | null
  /** Bytes of WAL that the slot holds back. */
  retainedBytes: number
  /** Bytes of confirmed changes that are still to come. */
  lagBytes: number
  /** Bytes that may still be written before the slot is lost; `undefined` where nothing bounds it. */
  safeBytes: number | undefined
  isFailover: boolean
}

/** The slot, or `undefined` when there is none of this name. */
export async function readSlot(query: Query, name: string): Promise<SlotFacts | undefined> {
  const [row] = await query(
    `SELECT to_jsonb(s) AS slot,
       (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END - s.restart_lsn)::text AS retained,
       (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END - s.confirmed_flush_lsn)::text AS lag
     FROM pg_replication_slots s WHERE slot_name = $1`,
    [name],
  )
  if (row === undefined) return undefined
  // Columns differ from version to version, so the row comes as JSON.
  const slot = row['slot'] as Record<string, string | number | boolean | null>
  return {
    name,
    plugin: slot['plugin'] === null ? null : String(slot['plugin']),
    database: slot['database'] === null ? null : String(slot['database']),
    isActive: slot['active'] === true,
    activePid: typeof slot['active_pid'] === 'number' ? slot['active_pid'] : null,
    confirmedLsn: lsnOf(slot['confirmed_flush_lsn']),
    restartLsn: lsnOf(slot['restart_lsn']),
    walStatus: slot['wal_status'] === null ? null : String(slot['wal_status']),
    retainedBytes: Number(row['retained'] ?? 0),
    lagBytes: Number(row['lag'] ?? 0),
    safeBytes: typeof slot['safe_wal_size'] === 'number' ? slot['safe_wal_size'] : undefined,
    isFailover: slot['failover'] === true,
  }
}

/** Its WAL is gone, or the server took the slot away: it cannot be read from again. */
export function isSlotLost(slot: SlotFacts): boolean {
  return slot.walStatus === 'lost' || slot.restartLsn === undefined
}

/**
 * Makes the slot, as a failover slot where the server has them (17 and later). Waits for the transactions that are open.
 *
 * @throws {Error} Postgres's own: `42710` when it exists
 */
export async function createSlot(query: Query, name: string): Promise<void> {
  const canFailOver = await hasFailoverSlots(query)
  try {
    await query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput', false, false${canFailOver ? ', true' : ''})`, [name])
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === QUERY_CANCELED)) throw cause
    throw openTransactions(name, cause)
  }
}

/**
 * The same, and the rows of the database as they stand where the slot begins: every transaction is in them or in the slot, none in both.
 *
 * @param connection - holds the snapshot; its next statement lets go of it
 * @returns the snapshot's name, for `SET TRANSACTION SNAPSHOT`
 */
export async function createSlotWithSnapshot(query: Query, connection: ReplicationConnection, name: string, timeoutMs: number): Promise<string> {
  const settings = (await hasFailoverSlots(query)) ? `(SNAPSHOT 'export', FAILOVER)` : 'EXPORT_SNAPSHOT'
  // Statements about replication have no timeout of their own.
  const timer = AbortSignal.timeout(timeoutMs)
  const timeout = new Promise<never>((_resolve, reject) => {
    timer.addEventListener('abort', () => reject(openTransactions(name, timer.reason)), { once: true })
  })
  const [row] = await Promise.race([connection.query(`CREATE_REPLICATION_SLOT "${name}" LOGICAL pgoutput ${settings}`), timeout])
  return String(row?.['snapshot_name'])
}

async function hasFailoverSlots(query: Query): Promise<boolean> {
  const [row] = await query(`SELECT current_setting('server_version_num')::int AS version, pg_is_in_recovery() AS standby`)
  return Number(row?.['version']) >= 170_000 && row?.['standby'] === false
}

function openTransactions(name: string, cause: unknown): CaptureError {
  return CaptureError.of(
    {
      kind: 'slot_missing',
      severity: 'error',
      message: `The slot "${name}" cannot be made while older transactions are open.`,
      cure: 'Look for them with `SELECT pid, xact_start, query FROM pg_stat_activity WHERE xact_start IS NOT NULL ORDER BY xact_start`, and end them.',
    },
    { cause },
  )
}

const QUERY_CANCELED = '57014'

/** Gives back what the slot holds. The change log begins a new epoch when capture starts again. */
export async function dropSlot(query: Query, name: string): Promise<void> {
  await query('SELECT pg_drop_replication_slot($1)', [name])
}

/** @throws {CaptureError} for a name that Postgres does not take */
export function checkSlotName(name: string): string {
  if (/^[a-z0-9_]{1,63}$/.test(name)) return name
  throw new CaptureError(`"${name}" is not a name for a replication slot. Use lower-case letters, digits and underscores, at most 63.`)
}

function lsnOf(value: unknown): Lsn | undefined {
  return typeof value === 'string' ? parseLsn(value) : undefined
}
