import { ProtocolError } from '@zenstack-live/protocol'

/**
 * What a transaction of Postgres could see: all transactions below `xmin`, and those below `xmax` that are not in `running`.
 *
 * @see https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT-PARTS
 */
export interface PgSnapshot {
  xmin: bigint
  xmax: bigint
  running: ReadonlySet<bigint>
}

/**
 * Reads `pg_current_snapshot()::text`, such as `10:20:10,14,15`.
 *
 * @throws {ProtocolError} `internal` when Postgres wrote something else.
 */
export function parsePgSnapshot(text: string): PgSnapshot {
  const parts = /^(\d+):(\d+):((?:\d+(?:,\d+)*)?)$/.exec(text)
  if (parts === null) throw new ProtocolError('internal', `"${text.slice(0, 80)}" is not a snapshot such as "10:20:10,14".`)
  const running = parts[3] === undefined || parts[3] === '' ? [] : parts[3].split(',').map(BigInt)
  return { xmin: BigInt(parts[1] ?? 0), xmax: BigInt(parts[2] ?? 0), running: new Set(running) }
}

/**
 * Whether a committed transaction is shown by the snapshot.
 *
 * The log carries 32 bits of the transaction's id. It is lifted to 64 beside `xmax`, which is right while the two are less
 * than 2^31 transactions apart; a snapshot is dropped when the log has passed its horizon, long before that.
 */
export function sees(snapshot: PgSnapshot, xid: number): boolean {
  const full = liftXid(xid, snapshot.xmax)
  return full < snapshot.xmin || (full < snapshot.xmax && !snapshot.running.has(full))
}

/** The 64-bit transaction id nearest to `reference` that ends in these 32 bits. */
export function liftXid(xid: number, reference: bigint): bigint {
  return reference + BigInt.asIntN(32, BigInt(xid) - reference)
}
