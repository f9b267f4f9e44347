import type { ChangeOperation } from '@zenstack-live/protocol'

/** What every event of a capture says of its source. */
export interface SourceNames {
  /** Version of the writer, where Debezium writes its own. */
  version: string
  /** Debezium's `topic.prefix`. */
  name: string
  database: string
}

/** What every event of one transaction says. LSNs are decimal text: they go into JSON and nowhere else. */
export interface TransactionSource {
  xid: number | null
  /** Commit time, microseconds since 1970. */
  commitTimeUs: bigint
  /** LSN of the previous transaction's commit, or `null` where it is not known. */
  previousCommitLsn: string | null
  /** `first`, `true` or `last` for a row of the initial snapshot, `null` for a change. */
  snapshot: string | null
  /** When it is processed, milliseconds since 1970. */
  nowMs: number
}

/** Where a transaction was first committed, when it came here by replication. */
export interface TransactionOrigin {
  name: string
  lsn: string
}

/** Debezium's envelope around the rows, field by field in its order, so that a row is turned into text once and never into an object. */
export interface EnvelopeWriter {
  begin(transaction: TransactionSource): void
  /** Of the transaction that was begun. */
  origin(origin: TransactionOrigin): void
  /**
   * What comes after `{"before":…,"after":…`, or after what else stands in front of the source.
   *
   * @param table - `"schema":"…","table":"…"`
   * @param excluded - JSON array of column names, our addition to the envelope
   */
  end(operation: ChangeOperation, table: string, lsn: string, excluded?: string): string
}

export function createEnvelopeWriter(names: SourceNames): EnvelopeWriter {
  const head = `"source":{"version":${JSON.stringify(names.version)},"connector":"postgresql","name":${JSON.stringify(names.name)},"ts_ms":`
  const database = JSON.stringify(names.database)
  let source = ''
  let sourceTimes = ''
  let transactionEnd = ''
  let times = ''
  let origin = NO_ORIGIN
  return {
    begin({ xid, commitTimeUs, previousCommitLsn, snapshot, nowMs }) {
      const us = Number(commitTimeUs)
      const previous = previousCommitLsn === null ? 'null' : `\\"${previousCommitLsn}\\"`
      source = `${head}${Math.floor(us / 1000)},"snapshot":${snapshot === null ? 'null' : `"${snapshot}"`},"db":${database},"sequence":"[${previous},\\"`
      sourceTimes = `\\"]","ts_us":${us},"ts_ns":${us}000,`
      transactionEnd = `,"txId":${xid === null ? 'null' : xid},"lsn":`
      origin = NO_ORIGIN
      times = `","ts_ms":${nowMs},"ts_us":${nowMs}000,"ts_ns":${nowMs}000000`
    },
    origin({ name, lsn }) {
      origin = `,"xmin":null,"origin":${JSON.stringify(name)},"origin_lsn":${lsn}}`
    },
    end(operation, table, lsn, excluded) {
      const place = `${source}${lsn}${sourceTimes}${table}${transactionEnd}${lsn}${origin}`
      return `,${place},"transaction":null,"op":"${operation}${times}${excluded === undefined ? '' : `,"excluded":${excluded}`}}`
    },
  }
}

const NO_ORIGIN = ',"xmin":null,"origin":null,"origin_lsn":null}'
