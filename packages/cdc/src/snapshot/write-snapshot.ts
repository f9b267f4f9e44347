import { entryIdMajor, type ChangeEntry, type EntryId, type Lsn } from '@zenstack-live/protocol'
import { readStoredColumns, type TableFacts } from '../database/catalog.ts'
import type { Query } from '../database/query.ts'
import { createEnvelopeWriter, type SourceNames } from '../encode/envelope.ts'
import { JsonWriter } from '../encode/json-writer.ts'
import type { TableEncoder } from '../encode/table-encoder.ts'
import type { RelationMessage } from '../pgoutput/messages.ts'
import { createTuple, fillTuple } from '../pgoutput/tuple.ts'
import type { CaptureSink } from '../sink.ts'
import type { SnapshotReader } from './snapshot-reader.ts'

export interface WriteSnapshotOptions {
  reader: SnapshotReader
  query: Query
  tables: readonly TableFacts[]
  encoderOf: (relation: RelationMessage) => TableEncoder | undefined
  sink: Pick<CaptureSink, 'write'>
  epoch: number
  /** Where the slot begins: these rows stand before every change. */
  lsn: Lsn
  names: SourceNames
  now: () => number
  /** Ends it between two pages. */
  checkOpen: () => void
}

/**
 * Writes every row of the tables as an event of operation `r`. Each page is a transaction of its own for the log: a table has no bound,
 * and what a reader holds together must have one.
 */
export async function writeSnapshot(options: WriteSnapshotOptions): Promise<void> {
  const { reader, query, tables, sink, epoch, lsn, checkOpen } = options
  const [major, encode] = [entryIdMajor(epoch, lsn), createRowEncoder(options)]
  let count = 0
  for (const table of tables) {
    const columns = await readStoredColumns(query, table)
    const encoder = options.encoderOf(relationOf(table, columns))
    if (encoder === undefined || columns.length === 0) continue
    for await (const rows of reader.pages(table, columns)) {
      checkOpen()
      const entries = rows.map((row, index): ChangeEntry => {
        const id = `${major}-${++count}` as EntryId
        return { kind: 'change', id, lsn, xid: 0, isLastOfTransaction: index === rows.length - 1, ...encode(encoder, row) }
      })
      await sink.write([{ entries }])
    }
  }
}

type EncodeRow = (encoder: TableEncoder, row: readonly (string | null)[]) => { key: string | null; value: string }

function createRowEncoder({ names, lsn, now }: WriteSnapshotOptions): EncodeRow {
  const [out, tuple, envelope, sourceLsn] = [new JsonWriter(), createTuple(), createEnvelopeWriter(names, 'true'), Number(lsn)]
  return (encoder, row) => {
    const nowMs = now()
    // Debezium gives the time at which the row was read, and no transaction.
    envelope.begin({ xid: null, commitTimeUs: nowMs * 1000, previousCommitLsn: null, nowMs })
    fillTuple(tuple, row)
    const key = encoder.key(tuple)
    out.text('{"before":null,"after":')
    encoder.row(out, tuple)
    envelope.end(out, 'r', encoder.sourceText, sourceLsn, encoder.withheld)
    return { key, value: out.take() }
  }
}

/** The table as the stream would describe it. */
function relationOf({ oid, schema, name, replicaIdentity, columns, key }: TableFacts, names: readonly string[]): RelationMessage {
  return {
    oid,
    schema,
    name,
    replicaIdentity,
    columns: names.flatMap((column) => {
      const facts = columns.find((candidate) => candidate.name === column)
      return facts === undefined ? [] : [{ name: column, isKey: key.includes(column), typeOid: facts.typeOid, typmod: facts.typmod }]
    }),
  }
}
