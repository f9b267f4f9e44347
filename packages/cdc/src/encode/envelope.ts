import type { ChangeOperation } from '@zenstack-live/protocol'
import { jsonBytes, type JsonWriter } from './json-writer.ts'
import { NumberedText } from './numbered-text.ts'

/** What every event of a capture says of its source. */
export interface SourceNames {
  /** Version of the writer, where Debezium writes its own. */
  version: string
  /** Debezium's `topic.prefix`. */
  name: string
  database: string
}

/** What every event of one transaction says. */
export interface TransactionSource {
  xid: number | null
  /** Commit time, microseconds since 1970. */
  commitTimeUs: number
  /** LSN of the previous transaction's commit, or `null` where it is not known. */
  previousCommitLsn: number | null
  /** When it is processed, milliseconds since 1970. */
  nowMs: number
}

/** Where a transaction was first committed, when it came here by replication. */
export interface TransactionOrigin {
  name: string
  /** Decimal text. */
  lsn: string
}

/** Debezium's envelope around the rows, field by field in its order, so that a row is turned into text once and never into an object. */
export interface EnvelopeWriter {
  begin(transaction: TransactionSource): void
  /** Of the transaction that was begun. */
  origin(origin: TransactionOrigin): void
  /**
   * Writes what comes after `{"before":…,"after":…`, or after what else stands in front of the source.
   *
   * @param table - `"schema":"…","table":"…"`
   * @param excluded - JSON array of column names, our addition to the envelope
   */
  end(out: JsonWriter, operation: ChangeOperation, table: string, lsn: number, excluded?: string): void
}

/** @param snapshot - Debezium's mark of rows of the initial snapshot; `null` for changes */
export function createEnvelopeWriter(names: SourceNames, snapshot: string | null): EnvelopeWriter {
  let [origin, transaction]: [string, TransactionSource] = [NO_ORIGIN, NO_TRANSACTION]
  const numbers: number[] = []
  // Made for one shape of transaction: which of its members are null, and where it came from.
  const texts = new Map<string, Partial<Record<ChangeOperation, NumberedText>>>()
  const textOf = (table: string, operation: ChangeOperation): NumberedText => {
    let ofTable = texts.get(table)
    if (ofTable === undefined) texts.set(table, (ofTable = {}))
    return (ofTable[operation] ??= new NumberedText(envelopeParts({ names, snapshot, transaction, origin, table, operation })))
  }
  return {
    begin(next) {
      const { xid, previousCommitLsn } = transaction
      const isSameShape = (xid === null) === (next.xid === null) && (previousCommitLsn === null) === (next.previousCommitLsn === null)
      if (!isSameShape || origin !== NO_ORIGIN) texts.clear()
      origin = NO_ORIGIN
      transaction = next
    },
    origin({ name, lsn }) {
      texts.clear()
      origin = `"origin":${JSON.stringify(name)},"origin_lsn":${lsn}`
    },
    end(out, operation, table, lsn, excluded) {
      const { xid, commitTimeUs, previousCommitLsn, nowMs } = transaction
      let count = 0
      numbers[count++] = Math.floor(commitTimeUs / 1000)
      if (previousCommitLsn !== null) numbers[count++] = previousCommitLsn
      numbers[count++] = lsn
      numbers[count++] = commitTimeUs
      numbers[count++] = commitTimeUs
      if (xid !== null) numbers[count++] = xid
      numbers[count++] = lsn
      numbers[count++] = nowMs
      numbers[count++] = nowMs
      numbers[count++] = nowMs
      out.literal(textOf(table, operation).with(numbers))
      if (excluded !== undefined) out.text(`,"excluded":${excluded}`)
      out.literal(END)
    },
  }
}

const NO_ORIGIN = '"origin":null,"origin_lsn":null'
const NO_TRANSACTION: TransactionSource = { xid: null, commitTimeUs: 0, previousCommitLsn: null, nowMs: 0 }
const END = jsonBytes('}')

interface EnvelopeShape {
  names: SourceNames
  snapshot: string | null
  transaction: TransactionSource
  origin: string
  table: string
  operation: ChangeOperation
}

/** The text between the numbers, which stand in the order in which `end` gives them. */
function envelopeParts({ names, snapshot, transaction, origin, table, operation }: EnvelopeShape): string[] {
  const previous = transaction.previousCommitLsn === null ? 'null' : `\\"${HOLE}\\"`
  const xid = transaction.xid === null ? 'null' : HOLE
  const source = [
    `"version":${JSON.stringify(names.version)},"connector":"postgresql","name":${JSON.stringify(names.name)},"ts_ms":${HOLE}`,
    `"snapshot":${JSON.stringify(snapshot)},"db":${JSON.stringify(names.database)},"sequence":"[${previous},\\"${HOLE}\\"]"`,
    `"ts_us":${HOLE},"ts_ns":${HOLE}000,${table},"txId":${xid},"lsn":${HOLE},"xmin":null,${origin}`,
  ]
  const times = `"ts_ms":${HOLE},"ts_us":${HOLE}000,"ts_ns":${HOLE}000000`
  return `,"source":{${source.join(',')}},"transaction":null,"op":"${operation}",${times}`.split(HOLE)
}

/** Stands for a number. JSON text never holds it bare: names are quoted, and control characters escaped. */
const HOLE = '\u0000'
