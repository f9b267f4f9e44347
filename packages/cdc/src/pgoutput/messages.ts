import { MessageReader } from './reader.ts'

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
  commitTimeUs: bigint
}

export interface LogicalMessage {
  isTransactional: boolean
  lsn: bigint
  prefix: string
  content: Buffer
}

/** Microseconds between 1970-01-01 and 2000-01-01, from where Postgres counts. */
export const POSTGRES_EPOCH_US = 946_684_800_000_000n

/** Each `read…` begins behind the tag. @see https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html */
export function readBegin(buffer: Buffer, offset: number): BeginMessage {
  const reader = new MessageReader(buffer, offset)
  reader.uint64() // LSN of the commit record; the end of it comes with Commit
  const commitTimeUs = reader.int64() + POSTGRES_EPOCH_US
  return { xid: reader.uint32(), commitTimeUs }
}

/** The end LSN of the commit record: what to confirm, and what our ids are made of. */
export function readCommitEndLsn(buffer: Buffer, offset: number): bigint {
  return buffer.readBigUInt64BE(offset + 9) // behind the flags and the record's own LSN
}

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
