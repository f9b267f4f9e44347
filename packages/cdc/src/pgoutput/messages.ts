import { MessageReader } from './reader.ts'

/**
 * Takes one message of the stream, from `start` to `end`.
 *
 * @param lsn - where it begins in the WAL; exact, since an entry id has room for no more than 52 bits of it
 */
export type HandleMessage = (bytes: Buffer, start: number, end: number, lsn: number) => void

/** The messages of pgoutput, protocol version 1, but for rows, which stay bytes. */
export interface RelationMessage {
  oid: number
  schema: string
  name: string
  /** `d`efault, `n`othing, `f`ull, `i`ndex. */
  replicaIdentity: string
  columns: RelationColumn[]
}

export interface RelationColumn {
  name: string
  /** Part of the replica identity: with FULL, every column is. */
  isKey: boolean
  typeOid: number
  typmod: number
}

export interface BeginMessage {
  xid: number
  /** Commit time, microseconds since 1970. */
  commitTimeUs: number
}

export interface LogicalMessage {
  isTransactional: boolean
  lsn: bigint
  prefix: string
  content: Buffer
}

/** Microseconds between 1970-01-01 and 2000-01-01, from where Postgres counts. */
export const POSTGRES_EPOCH_US = 946_684_800_000_000

/** Each `read…` begins behind the tag. @see https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html */
export function readBegin(buffer: Buffer, offset: number): BeginMessage {
  // Behind the LSN of the commit record; the end of it comes with Commit.
  const sinceEpochUs = buffer.readInt32BE(offset + 8) * WORD + buffer.readUInt32BE(offset + 12)
  return { xid: buffer.readUInt32BE(offset + 16), commitTimeUs: sinceEpochUs + POSTGRES_EPOCH_US }
}

/** The end LSN of the commit record: what to confirm, and what our ids are made of. */
export function readCommitEndLsn(buffer: Buffer, offset: number): number {
  return readLsn(buffer, offset + 9) // behind the flags and the record's own LSN
}

/** An LSN of every change, as a number, which a bigint would cost more than all else that is read of it. Exact below 2^53. */
export function readLsn(buffer: Buffer, offset: number): number {
  return buffer.readUInt32BE(offset) * WORD + buffer.readUInt32BE(offset + 4)
}

const WORD = 2 ** 32

export function readRelation(buffer: Buffer, offset: number): RelationMessage {
  const reader = new MessageReader(buffer, offset)
  const oid = reader.uint32()
  const schema = reader.string()
  const name = reader.string()
  const replicaIdentity = String.fromCharCode(reader.byte())
  const count = reader.int16()
  const columns = Array.from({ length: count }, () => {
    const flags = reader.byte()
    return { isKey: (flags & 1) === 1, name: reader.string(), typeOid: reader.uint32(), typmod: reader.int32() }
  })
  // `pg_catalog` is sent as an empty name.
  return { oid, schema: schema === '' ? 'pg_catalog' : schema, name, replicaIdentity, columns }
}

export function readTruncate(buffer: Buffer, offset: number): number[] {
  const reader = new MessageReader(buffer, offset)
  const count = reader.int32()
  reader.byte() // CASCADE, RESTART IDENTITY
  return Array.from({ length: count }, () => reader.uint32())
}

export function readLogicalMessage(buffer: Buffer, offset: number): LogicalMessage {
  const reader = new MessageReader(buffer, offset)
  const flags = reader.byte()
  const lsn = reader.uint64()
  const prefix = reader.string()
  const length = reader.int32()
  return { isTransactional: (flags & 1) === 1, lsn, prefix, content: reader.bytes(length) }
}

/** Where the transaction came from, when a replication origin brought it; follows Begin. */
export function readOrigin(buffer: Buffer, offset: number): { name: string; lsn: string } {
  const reader = new MessageReader(buffer, offset)
  const lsn = reader.uint64().toString()
  return { name: reader.string(), lsn }
}
