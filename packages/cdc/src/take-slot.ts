import { parseLsn, type Lsn } from '@zenstack-live/protocol'
import type { Query } from './database/query.ts'
import { createSlot, createSlotWithSnapshot, dropSlot, isSlotLost, readSlot } from './database/slot.ts'
import { CaptureError } from './errors.ts'
import type { ReplicationConnection } from './replication/replication-connection.ts'

/** Postgres says so when another process reads from the slot. */
const OBJECT_IN_USE = '55006'

export interface TakeSlotOptions {
  query: Query
  connection: ReplicationConnection
  slot: string
  /** Where the slot is made, the rows that are there are wanted too. */
  wantsSnapshot: boolean
  /** The log has nothing of the database yet, so nothing is lost with a slot that began before its rows were read. */
  isLogUnread: boolean
  /** Longest wait for the transactions that are open. */
  timeoutMs: number
  onWarning: (message: string) => void
}

export interface TakenSlot {
  isNew: boolean
  /** Names the rows as they stood where the slot begins; good until the connection is asked anything else. */
  snapshotName: string | undefined
}

/** Makes the slot where there is none, or none that can be gone on with. */
export async function takeSlot({
  query,
  connection,
  slot: name,
  wantsSnapshot,
  isLogUnread,
  timeoutMs,
  onWarning,
}: TakeSlotOptions): Promise<TakenSlot> {
  const slot = await readSlot(query, name)
  if (slot !== undefined && !isSlotLost(slot) && !isLogUnread) return { isNew: false, snapshotName: undefined }
  if (slot !== undefined) {
    if (isSlotLost(slot)) onWarning(`The slot "${name}" lost its WAL (${slot.walStatus ?? 'invalidated'}); it is made again.`)
    await dropSlot(query, name)
  }
  if (wantsSnapshot) return { isNew: true, snapshotName: await createSlotWithSnapshot(query, connection, name, timeoutMs) }
  await createSlot(query, name)
  return { isNew: true, snapshotName: undefined }
}

/** Whether the error says that another process has the slot. */
export function isSlotInUse(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === OBJECT_IN_USE
}

/** Changes from a time before the publication was there cannot be read, whatever is done now. */
export function explainStreamError(error: Error, { publication, slot }: { publication: string; slot: string }): Error {
  if (!/publication .* does not exist/.test(error.message)) return error
  return CaptureError.of(
    {
      kind: 'publication_missing',
      severity: 'error',
      message: `The slot "${slot}" holds changes from before the publication "${publication}" was made.`,
      cure: 'Run `zenstack-live slot drop --yes`, then `zenstack-live setup`: a new epoch begins, and readers start anew.',
    },
    { cause: error },
  )
}

export interface ServerIdentity {
  systemId: string
  timeline: number
  walLsn: Lsn
  database: string
}

/** @see https://www.postgresql.org/docs/current/protocol-replication.html#PROTOCOL-REPLICATION-IDENTIFY-SYSTEM */
export async function identifyServer(connection: ReplicationConnection): Promise<ServerIdentity> {
  const [row] = await connection.query('IDENTIFY_SYSTEM')
  return {
    systemId: String(row?.['systemid']),
    timeline: Number(row?.['timeline']),
    walLsn: parseLsn(String(row?.['xlogpos'])),
    database: String(row?.['dbname']),
  }
}

/** Where the server's WAL ends, or, on a standby, how much of it was replayed. */
export async function readCurrentLsn(query: Query): Promise<Lsn> {
  const [row] = await query('SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END)::text AS lsn')
  return parseLsn(String(row?.['lsn']))
}
