import { constants } from 'node:buffer'
import {
  entryIdMajor,
  makeEntryId,
  type BulkEntry,
  type ChangeEntry,
  type EntryId,
  type LogBatch,
  type LogEntry,
  type Lsn,
} from '@zenstack-live/protocol'
import { createEnvelopeWriter, type EnvelopeWriter, type SourceNames } from './encode/envelope.ts'
import { jsonBytes, JsonWriter } from './encode/json-writer.ts'
import type { TableEncoder } from './encode/table-encoder.ts'
import { CaptureError } from './errors.ts'
import { readBegin, readCommitEndLsn, readLogicalMessage, readOrigin, readTruncate } from './pgoutput/messages.ts'
import { createTuple, readTuple, type Tuple } from './pgoutput/tuple.ts'

/*
 * pgoutput's messages, one after the other, become whole transactions:
 *
 *     Begin ─► (Relation | Insert | Update | Delete | Truncate | Message)* ─► Commit ─► one batch, or nothing of interest
 *
 * The end LSN, which every id needs, comes with Commit. So a transaction waits here, within limits; past them its rows are dropped
 * and a `bulk` mark stands for it.
 */

/** Turned into JSON for a look at its length: an escape is 6 times as long as its byte, and what did not change is written twice. */
const MAX_ROW_BYTES = Math.floor(constants.MAX_STRING_LENGTH / 8)

/** Messages with this prefix are ours: they move the log to their LSN at once and carry nothing. */
export const MARK_PREFIX = 'zenstack_live'

export interface AssembledBatch {
  batch: LogBatch
  /** Everything up to here is in this batch or before it. */
  endLsn: Lsn
  bytes: number
  /** Milliseconds since 1970; `undefined` for marks. */
  commitTimeMs: number | undefined
}

export interface AssemblerOptions {
  epoch: number
  names: SourceNames
  /** Encoder of a relation, or `undefined` for one that is not captured. */
  encoderOf: (relationOid: number) => TableEncoder | undefined
  maxTransactionEntries: number
  maxTransactionBytes: number
  /** Whether messages of this prefix become events (operation `m`). */
  isMessageCaptured: (prefix: string) => boolean
  /** Decimal text. */
  previousCommitLsn: string | null
  /** What ends at or before this is in the log, numbered otherwise, and is not given out. */
  passedLsn: Lsn
  /** How far the log is, with all that is on its way to it: no mark may come in front of it. */
  reachedLsn: () => Lsn
  onBatch: (batch: AssembledBatch) => void
  /** Nothing more will come up to `lsn`. `isUrgent`: somebody waits for the log to say so. */
  onProgress: (lsn: Lsn, isUrgent: boolean) => void
  now: () => number
}

/** Turns the messages of one connection into batches. The bytes given to it are read at once and not kept. */
export class Assembler {
  readonly #options: AssemblerOptions
  readonly #envelope: EnvelopeWriter
  readonly #out = new JsonWriter()
  readonly #oldTuple = createTuple()
  readonly #newTuple = createTuple()
  /** Tables that changed, and from which LSN on readers may be told. */
  #changedTables: { name: string; notBefore: Lsn }[] = []
  readonly #maxRowBytes: number
  readonly #maxJsonBytes: number
  #previousCommitLsn: number | null
  #isInTransaction = false
  /** Whether the open transaction holds a message of ours: somebody waits for its end. */
  #isAwaited = false
  #isTooLarge = false
  #xid = 0
  #commitTimeUs = 0
  #bytes = 0
  #entries: ChangeEntry[] = []
  #tables = new Set<string>()

  constructor(options: AssemblerOptions) {
    this.#options = options
    this.#envelope = createEnvelopeWriter(options.names, null)
    this.#maxRowBytes = Math.min(options.maxTransactionBytes, MAX_ROW_BYTES)
    this.#maxJsonBytes = Math.min(options.maxTransactionBytes, constants.MAX_STRING_LENGTH)
    this.#previousCommitLsn = options.previousCommitLsn === null ? null : Number(options.previousCommitLsn)
  }

  get isInTransaction(): boolean {
    return this.#isInTransaction
  }

  /** A change of tables waits for its mark. */
  get hasSchemaChanges(): boolean {
    return this.#changedTables.length > 0
  }

  /** LSN of the last commit, as decimal text. */
  get previousCommitLsn(): string | null {
    return this.#previousCommitLsn?.toString() ?? null
  }

  /**
   * Takes one message; Relation and Type are not for it.
   *
   * @see HandleMessage
   */
  accept(buffer: Buffer, start: number, end: number, lsn: number): void {
    const at = start + 1
    switch (buffer[start]) {
      case TAG_INSERT:
        return this.#insert(buffer, at, end, lsn)
      case TAG_UPDATE:
        return this.#update(buffer, at, end, lsn)
      case TAG_DELETE:
        return this.#delete(buffer, at, end, lsn)
      case TAG_BEGIN: {
        const { xid, commitTimeUs } = readBegin(buffer, at)
        return this.#begin(xid, commitTimeUs)
      }
      case TAG_COMMIT: {
        const endLsn = readCommitEndLsn(buffer, at)
        this.#commit(BigInt(endLsn) as Lsn)
        this.#previousCommitLsn = endLsn
        return
      }
      case TAG_TRUNCATE:
        return this.#truncate(buffer, at, lsn)
      case TAG_MESSAGE:
        return this.#message(buffer, at)
      case TAG_ORIGIN:
        return this.#envelope.origin(readOrigin(buffer, at))
      default:
        throw new CaptureError(`pgoutput sent a message of the unknown kind "${buffer.toString('latin1', start, at)}".`)
    }
  }

  /**
   * These tables have to be read again: told in front of the next transaction, or by {@link Assembler.takeSchemaMark}.
   *
   * @param notBefore - the change is somewhere before this LSN, so what is older has to come first
   */
  schemaChanged(tables: Iterable<string>, notBefore: Lsn): void {
    for (const name of tables) this.#changedTables.push({ name, notBefore })
  }

  /**
   * The mark for the tables that changed, at an LSN up to which everything was given out. `undefined` when none did, and at an LSN that
   * the log has already passed: the mark waits.
   */
  takeSchemaMark(lsn: Lsn): AssembledBatch | undefined {
    if (this.#changedTables.length === 0 || lsn <= this.#options.reachedLsn()) return undefined
    const tables = [...new Set(this.#changedTables.filter(({ notBefore }) => notBefore <= lsn).map(({ name }) => name))]
    if (tables.length === 0) return undefined
    this.#changedTables = this.#changedTables.filter(({ notBefore }) => notBefore > lsn)
    const id = makeEntryId(this.#options.epoch, lsn, 0)
    const entry: BulkEntry = { kind: 'bulk', id, lsn, xid: 0, isLastOfTransaction: true, reason: 'schema', tables: tables.sort() }
    return { batch: { entries: [entry] }, endLsn: lsn, bytes: 0, commitTimeMs: undefined }
  }

  #begin(xid: number, commitTimeUs: number): void {
    this.#isInTransaction = true
    this.#isAwaited = false
    this.#isTooLarge = false
    this.#bytes = 0
    this.#entries = []
    if (this.#tables.size > 0) this.#tables = new Set()
    this.#xid = xid
    this.#commitTimeUs = commitTimeUs
    const nowMs = this.#options.now()
    this.#envelope.begin({ xid: xid === 0 ? null : xid, commitTimeUs, previousCommitLsn: this.#previousCommitLsn, nowMs })
  }

  #commit(endLsn: Lsn): void {
    const { epoch, passedLsn, onBatch, onProgress } = this.#options
    this.#isInTransaction = false
    if (endLsn <= passedLsn) {
      this.#entries = []
      return onProgress(endLsn, this.#isAwaited)
    }
    const schemaMark = this.takeSchemaMark((endLsn - 1n) as Lsn)
    if (schemaMark !== undefined) onBatch(schemaMark)
    const entries = this.#isTooLarge ? [bulkEntry(epoch, endLsn, this.#xid, [...this.#tables])] : numberEntries(this.#entries, epoch, endLsn)
    this.#entries = []
    if (entries.length === 0) return onProgress(endLsn, this.#isAwaited)
    onBatch({ batch: { entries }, endLsn, bytes: this.#isTooLarge ? 0 : this.#bytes, commitTimeMs: Math.floor(this.#commitTimeUs / 1000) })
  }

  #insert(buffer: Buffer, at: number, end: number, lsn: number): void {
    const encoder = this.#options.encoderOf(buffer.readUInt32BE(at))
    if (encoder === undefined || this.#isLeftOut(encoder, end - at)) return
    const tuple = this.#newTuple
    readTuple(buffer, at + 5, end, tuple)
    this.#created(encoder, encoder.key(tuple), lsn, tuple)
  }

  #update(buffer: Buffer, at: number, end: number, lsn: number): void {
    const encoder = this.#options.encoderOf(buffer.readUInt32BE(at))
    if (encoder === undefined || this.#isLeftOut(encoder, end - at)) return
    const tag = buffer[at + 4]
    const isFull = tag === TAG_OLD
    const [tuple, out] = [this.#newTuple, this.#out]
    const old = isFull || tag === TAG_KEY ? this.#oldTuple : undefined
    const next = old === undefined ? at + 4 : readTuple(buffer, at + 5, end, old)
    readTuple(buffer, next + 1, end, tuple)
    const key = encoder.key(tuple, old)
    const oldKey = old === undefined || encoder.hasSameKey(tuple, old) ? key : encoder.key(old)
    if (old !== undefined && oldKey !== key) {
      // A row that changes its key is another row.
      this.#deleted(encoder, oldKey, lsn, old, isFull)
      return this.#created(encoder, key, lsn, tuple, old)
    }
    out.literal(BEFORE)
    this.#writeOld(encoder, old, isFull)
    out.literal(AFTER)
    if (old !== undefined && isFull) encoder.updatedRow(out, tuple, old)
    else encoder.row(out, tuple, old)
    this.#change(encoder, 'u', key, lsn, encoder.excluded(tuple, isFull ? old : undefined))
  }

  #delete(buffer: Buffer, at: number, end: number, lsn: number): void {
    const encoder = this.#options.encoderOf(buffer.readUInt32BE(at))
    if (encoder === undefined || this.#isLeftOut(encoder, end - at)) return
    const old = this.#oldTuple
    readTuple(buffer, at + 5, end, old)
    this.#deleted(encoder, encoder.key(old), lsn, old, buffer[at + 4] === TAG_OLD)
  }

  #created(encoder: TableEncoder, key: string | null, lsn: number, tuple: Tuple, old?: Tuple): void {
    this.#out.literal(NOTHING_BEFORE)
    encoder.row(this.#out, tuple, old)
    this.#change(encoder, 'c', key, lsn, encoder.withheld)
  }

  #deleted(encoder: TableEncoder, key: string | null, lsn: number, old: Tuple, isFull: boolean): void {
    this.#out.literal(BEFORE)
    this.#writeOld(encoder, old, isFull)
    this.#out.literal(NOTHING_AFTER)
    this.#change(encoder, 'd', key, lsn, encoder.withheld)
  }

  #writeOld(encoder: TableEncoder, old: Tuple | undefined, isFull: boolean): void {
    if (old === undefined) this.#out.literal(NULL)
    else if (isFull) encoder.row(this.#out, old)
    else encoder.identityRow(this.#out, old)
  }

  #truncate(buffer: Buffer, at: number, lsn: number): void {
    for (const oid of readTruncate(buffer, at)) {
      const encoder = this.#options.encoderOf(oid)
      if (encoder === undefined) continue
      this.#out.literal(NOTHING)
      this.#change(encoder, 't', null, lsn)
    }
  }

  #message(buffer: Buffer, at: number): void {
    const { isTransactional, lsn, prefix, content } = readLogicalMessage(buffer, at)
    const isOurs = prefix === MARK_PREFIX
    if (isTransactional && isOurs) this.#isAwaited = true
    if (isOurs || !this.#options.isMessageCaptured(prefix)) {
      if (!isTransactional) this.#options.onProgress(lsn as Lsn, isOurs)
      return
    }
    // Outside of a transaction it comes between transactions, and is like a commit of its own.
    if (!isTransactional) this.#begin(0, this.#options.now() * 1000)
    if (content.length > this.#maxRowBytes) this.#dropRows()
    if (!this.#isTooLarge) {
      const name = JSON.stringify(prefix)
      this.#out.text(`{"message":{"prefix":${name},"content":"${content.toString('base64')}"}`)
      this.#envelope.end(this.#out, 'm', '"schema":"","table":""', Number(lsn))
      this.#push(`{"prefix":${name}}`, this.#out.take())
    }
    if (!isTransactional) this.#commit(lsn as Lsn)
  }

  /** A row of a transaction that is too large only counts by its table. One that is too large by itself is not turned into JSON to see it. */
  #isLeftOut(encoder: TableEncoder, bytes: number): boolean {
    if (bytes > this.#maxRowBytes) this.#dropRows()
    if (this.#isTooLarge) this.#tables.add(encoder.tableName)
    return this.#isTooLarge
  }

  /** Ends the envelope that was begun. */
  #change(encoder: TableEncoder, operation: 'c' | 'u' | 'd' | 't', key: string | null, lsn: number, excluded?: string): void {
    this.#tables.add(encoder.tableName)
    this.#envelope.end(this.#out, operation, encoder.sourceText, lsn, excluded)
    if (this.#out.length > this.#maxJsonBytes) {
      this.#out.forget()
      this.#dropRows()
    } else this.#push(key, this.#out.take())
  }

  #push(key: string | null, value: string): void {
    if (this.#isTooLarge) return
    this.#bytes += value.length
    // The id and the LSN come with Commit.
    this.#entries.push({ kind: 'change', id: '' as EntryId, lsn: 0n as Lsn, xid: this.#xid, isLastOfTransaction: false, key, value })
    const { maxTransactionEntries, maxTransactionBytes } = this.#options
    if (this.#entries.length > maxTransactionEntries || this.#bytes > maxTransactionBytes) this.#dropRows()
  }

  #dropRows(): void {
    this.#isTooLarge = true
    this.#entries = []
  }
}

const [BEFORE, AFTER, NULL] = ['{"before":', ',"after":', 'null'].map(jsonBytes) as [Uint8Array, Uint8Array, Uint8Array]
const NOTHING_BEFORE = jsonBytes('{"before":null,"after":')
const NOTHING_AFTER = jsonBytes(',"after":null')
const NOTHING = jsonBytes('{"before":null,"after":null')

const TAG_BEGIN = 66 // B
const TAG_COMMIT = 67 // C
const TAG_MESSAGE = 77 // M
const TAG_ORIGIN = 79 // O
const TAG_OLD = 79 // O, inside an update or a delete
const TAG_KEY = 75 // K
const TAG_INSERT = 73 // I
const TAG_UPDATE = 85 // U
const TAG_DELETE = 68 // D
const TAG_TRUNCATE = 84 // T

function numberEntries(entries: ChangeEntry[], epoch: number, endLsn: Lsn): LogEntry[] {
  if (entries.length === 0) return entries
  const major = entryIdMajor(epoch, endLsn)
  let minor = 0
  for (const entry of entries) {
    minor++
    entry.id = `${major}-${minor}` as EntryId
    entry.lsn = endLsn
    entry.isLastOfTransaction = minor === entries.length
  }
  return entries
}

function bulkEntry(epoch: number, endLsn: Lsn, xid: number, tables: string[]): BulkEntry {
  return { kind: 'bulk', id: makeEntryId(epoch, endLsn, 1), lsn: endLsn, xid, isLastOfTransaction: true, tables: tables.sort() }
}
