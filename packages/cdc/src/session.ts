import { setTimeout as sleep } from 'node:timers/promises'
import { makeEntryId, type Lsn } from '@zenstack-live/protocol'
import { Assembler, MARK_PREFIX, type AssembledBatch } from './assembler.ts'
import { tableName, type CapturedTable } from './captured-table.ts'
import { continueLog } from './continue-log.ts'
import { createConfirmDelay, type ConfirmDelay, type KeptPoint } from './confirm-delay.ts'
import type { Query } from './database/query.ts'
import { readSlot } from './database/slot.ts'
import type { TableEncoder } from './encode/table-encoder.ts'
import { CaptureError } from './errors.ts'
import { isPublishable } from './inspect.ts'
import type { CaptureLimits } from './limits.ts'
import { LogWriter } from './log-writer.ts'
import { formatMemory, parseMemory, type CaptureMemory } from './memory.ts'
import { MessageHold } from './message-hold.ts'
import { readRelation, type RelationMessage } from './pgoutput/messages.ts'
import { otherwiseNumbered, planNumbering } from './plan-numbering.ts'
import { planStart } from './plan-start.ts'
import { ReplicationConnection } from './replication/replication-connection.ts'
import { SchemaWatch, shapesOf } from './schema-watch.ts'
import type { CaptureSink, SinkState } from './sink.ts'
import { openSnapshotReader, type SnapshotReader } from './snapshot/snapshot-reader.ts'
import { writeSnapshot } from './snapshot/write-snapshot.ts'
import { explainStreamError, identifyServer, isSlotInUse, readCurrentLsn, takeSlot, type ServerIdentity } from './take-slot.ts'

/*
 * One stretch of leadership: from taking the slot to the first error.
 *
 *     take slot ─► ask the log where it stands ─► same epoch, or an `epoch` entry ─► rows that were there, where wanted ─► stream
 *
 *     socket ─► hold (while the catalog is asked) ─► assembler ─► writer ─► log
 *                                                                  └─ kept ─► confirm after a delay ─► socket
 */

export interface SessionOptions {
  url: string
  query: Query
  slot: string
  publication: string
  tables: readonly CapturedTable[]
  sink: CaptureSink
  name: string
  version: string
  limits: CaptureLimits
  /** See `selectionOf`. */
  selection: string
  /** Begin a new epoch, because the log refused what the slot holds. */
  isLogForeign: boolean
  /** Write the rows that are there before the changes, where the log has neither. */
  wantsSnapshot: boolean
  /** The capture is closed: a snapshot is not written to its end. */
  signal: AbortSignal
  isMessageCaptured: (prefix: string) => boolean
  /** Called once, with what ended the session, unless it was closed. */
  onEnd: (error: Error) => void
  onKept: (lsn: Lsn, commitTimeMs: number | undefined) => void
  /** WAL that the log does not have yet. */
  onLag: (bytes: number) => void
  onWarning: (message: string) => void
}

type Log = ReturnType<typeof continueLog>

/** Pings that a server sends in a row only while it shuts down and waits for us to confirm everything. */
const SHUTDOWN_PINGS = 5
/** Longest wait for what is said at the end. */
const LAST_WORDS_MS = 1_000

export class CaptureSession {
  readonly #options: SessionOptions
  readonly #connection: ReplicationConnection
  readonly #encoders = new Map<number, TableEncoder | undefined>()
  readonly #pauses = new Set<'hold' | 'full'>()
  readonly #hold: MessageHold
  #hasEnded = false
  #epoch = 0
  #receivedLsn = 0
  #pings = 0
  #isQuiet = true
  #timers: NodeJS.Timeout[] = []
  // Set by `#begin`, before anything held is let through.
  #watch: SchemaWatch | undefined
  #assembler: Assembler | undefined
  #writer: LogWriter | undefined
  #confirm: ConfirmDelay | undefined
  #memory: CaptureMemory | undefined
  #confirmed: KeptPoint = { lsn: 0n as Lsn, lastCommitLsn: null }
  #rememberedText = ''
  #markLsn = 0n as Lsn

  private constructor(options: SessionOptions, connection: ReplicationConnection) {
    this.#options = options
    this.#connection = connection
    this.#hold = new MessageHold({
      onMessage: (bytes, start, end, lsn) => this.#dispatch(bytes, start, end, lsn),
      onPause: (isPaused) => this.#pause('hold', isPaused),
      onError: (error) => this.#fail(error),
    })
  }

  /**
   * Takes the slot and begins to stream. `undefined` when another process has it.
   *
   * @throws {CaptureError} when a precondition does not hold
   */
  static async open(options: SessionOptions): Promise<CaptureSession | undefined> {
    const { url, limits } = options
    const connection = await ReplicationConnection.open(url, { leaseMs: limits.leaseMs, connectTimeoutMs: limits.databaseTimeoutMs })
    const session = new CaptureSession(options, connection)
    let reader: SnapshotReader | undefined
    try {
      const isLogUnread = options.wantsSnapshot && isUnread(await options.sink.state())
      const taken = await takeSlot({ ...options, connection, isLogUnread, timeoutMs: limits.databaseTimeoutMs })
      if (taken.snapshotName !== undefined) reader = await openSnapshotReader({ url, snapshotName: taken.snapshotName, limits })
      const server = await identifyServer(connection)
      if (!(await session.#start())) {
        await session.close()
        return undefined
      }
      await session.#begin(taken.isNew, server, reader)
      return session
    } catch (error) {
      await session.close()
      if (isSlotInUse(error)) return undefined
      throw error
    } finally {
      await reader?.close()
    }
  }

  get epoch(): number {
    return this.#epoch
  }

  get keptLsn(): Lsn {
    return this.#writer?.keptLsn ?? this.#confirmed.lsn
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    // What the log has kept by now need not come again; but an end that waits for a dead server is no end.
    if (!this.#hasEnded && this.#timers.length > 0)
      await Promise.race([this.#tick().catch(() => undefined), sleep(LAST_WORDS_MS, undefined, { ref: false })])
    this.#hasEnded = true
    this.#writer?.close()
    this.#hold.close()
    await this.#connection.close()
  }

  async #start(): Promise<boolean> {
    try {
      await this.#connection.start(this.#options.slot, this.#options.publication, {
        onMessage: (bytes, start, end, lsn) => this.#receive(bytes, start, end, lsn),
        onKeepalive: (endLsn, isReplyRequested) => this.#keepalive(endLsn, isReplyRequested),
        onEnd: (error) => this.#fail(explainStreamError(error, this.#options)),
      })
      return true
    } catch (error) {
      if (isSlotInUse(error)) return false
      throw error
    }
  }

  /** The slot is ours now, so nobody else writes: the log can be asked where it stands. */
  async #begin(isSlotNew: boolean, server: ServerIdentity, snapshot: SnapshotReader | undefined): Promise<void> {
    const { sink, query, limits, tables, publication } = this.#options
    this.#pause('hold', true)
    const slot = await readSlot(query, this.#options.slot)
    const confirmedLsn = slot?.confirmedLsn
    if (confirmedLsn === undefined) throw new CaptureError(`The slot "${this.#options.slot}" went away while it was being taken.`)
    const state = await sink.state()
    const memory = parseMemory(state.memory)
    const log = continueLog(sink, state.whole?.newest)
    const plan = planStart(
      { epoch: state.epoch, lsn: state.lsn, memory, isForeign: this.#options.isLogForeign },
      { ...server, confirmedLsn, isSlotNew },
    )
    const isNewEpoch = plan.newEpochReason !== undefined
    const numbering = planNumbering({ memory, whole: state.whole, isNewEpoch }, this.#options.selection)
    const shapes = shapesOf(memory?.shapes, tables)
    // Told before the log shows that anything was begun, so that a snapshot that is cut off is known for one.
    const snapshotState = snapshot === undefined ? memory?.snapshot : 'begun'
    this.#memory = {
      systemId: server.systemId,
      timeline: server.timeline,
      confirmed: memory?.confirmed,
      shapes,
      numbering,
      snapshot: snapshotState,
    }
    if (snapshot !== undefined) await sink.remember(formatMemory(this.#memory))
    if (plan.newEpochReason !== undefined) {
      const id = makeEntryId(plan.epoch, confirmedLsn, 0)
      await log.write([{ entries: [{ kind: 'epoch', id, lsn: confirmedLsn, epoch: plan.epoch, reason: plan.newEpochReason }] }])
      // Nobody loses anything to the first one.
      if (state.epoch > 0) this.#options.onWarning(`Epoch ${plan.epoch} begins: ${plan.newEpochReason}.`)
    }
    this.#epoch = plan.epoch
    const logLsn = !isNewEpoch && state.lsn !== undefined ? state.lsn : confirmedLsn
    const isSequenceKnown = memory?.confirmed !== undefined && memory.confirmed.lsn === confirmedLsn.toString()
    this.#confirmed = { lsn: confirmedLsn, lastCommitLsn: isSequenceKnown ? (memory.confirmed?.previousCommitLsn ?? null) : null }
    this.#confirm = createConfirmDelay(this.#confirmed, limits.confirmDelayMs)
    this.#watch = new SchemaWatch(query, tables, publication, isNewEpoch ? undefined : shapes)
    this.#assembler = this.#makeAssembler(plan.epoch, logLsn, otherwiseNumbered(numbering), server.database)
    this.#writer = this.#makeWriter(log, plan.epoch, logLsn)
    await this.#lookAtCatalog()
    if (snapshot !== undefined) await this.#writeSnapshot(log, snapshot, confirmedLsn, server.database)
    await this.#remember()
    if (this.#hasEnded) throw new CaptureError('The connection ended while the capture began.')
    this.#timers = [
      setInterval(() => void this.#tick().catch((error: unknown) => this.#fail(error)), limits.progressIntervalMs),
      setInterval(() => void this.#reconcile().catch((error: unknown) => this.#fail(error)), limits.reconcileIntervalMs),
    ]
    this.#hold.release()
  }

  /** The rows as they stood where the slot begins. The stream waits meanwhile, and the server hears that somebody is there. */
  async #writeSnapshot(log: Log, reader: SnapshotReader, lsn: Lsn, database: string): Promise<void> {
    const { query, name, version, limits, signal } = this.#options
    const watch = this.#watch
    if (watch === undefined || this.#memory === undefined) return
    const status = setInterval(() => this.#connection.sendStatus(lsn, lsn, false), limits.progressIntervalMs)
    try {
      await writeSnapshot({
        reader,
        query,
        tables: watch.tables.filter(isPublishable),
        encoderOf: (relation) => watch.encoder(relation),
        sink: log,
        epoch: this.#epoch,
        lsn,
        names: { version, name, database },
        now: Date.now,
        checkOpen: () => {
          if (this.#hasEnded) throw new CaptureError('The connection ended during the snapshot.')
          if (signal.aborted) throw new CaptureError('The capture was closed during the snapshot.')
        },
      })
      this.#memory.snapshot = 'done'
    } finally {
      clearInterval(status)
    }
  }

  #makeAssembler(epoch: number, logLsn: Lsn, passedLsn: Lsn, database: string): Assembler {
    const { limits, name, version, isMessageCaptured } = this.#options
    return new Assembler({
      epoch,
      names: { version, name, database },
      encoderOf: (oid) => this.#encoders.get(oid),
      maxTransactionEntries: limits.maxTransactionEntries,
      maxTransactionBytes: limits.maxTransactionBytes,
      isMessageCaptured,
      previousCommitLsn: this.#confirmed.lastCommitLsn,
      passedLsn,
      reachedLsn: () => this.#writer?.reachedLsn ?? logLsn,
      onBatch: (batch) => this.#push(batch),
      onProgress: (lsn, isUrgent) => this.#progress(lsn, isUrgent),
      now: Date.now,
    })
  }

  #makeWriter(log: Log, epoch: number, logLsn: Lsn): LogWriter {
    const { limits } = this.#options
    return new LogWriter({
      sink: log,
      epoch,
      keptLsn: logLsn,
      maxPendingBytes: limits.maxPendingBytes,
      maxEntriesPerWrite: limits.maxEntriesPerWrite,
      progressIntervalMs: limits.progressIntervalMs,
      onKept: (point, commitTimeMs) => {
        if (point !== undefined) this.#confirm?.kept(point, performance.now())
        this.#options.onKept(this.keptLsn, commitTimeMs)
      },
      onRoom: (hasRoom) => this.#pause('full', !hasRoom),
      onError: (error) => this.#fail(error),
      now: () => performance.now(),
    })
  }

  #receive(bytes: Buffer, start: number, end: number, lsn: number): void {
    this.#isQuiet = false
    this.#pings = 0
    this.#hold.receive(bytes, start, end, lsn)
  }

  #dispatch(bytes: Buffer, start: number, end: number, lsn: number): void {
    const tag = bytes[start]
    if (lsn > this.#receivedLsn) this.#receivedLsn = lsn
    if (tag === TAG_RELATION) this.#relation(readRelation(bytes, start + 1))
    else if (tag !== TAG_TYPE) this.#assembler?.accept(bytes, start, end, lsn)
  }

  #relation(relation: RelationMessage): void {
    const watch = this.#watch
    if (watch === undefined) return
    if (!watch.isCaptured(relation)) return void this.#encoders.set(relation.oid, undefined)
    if (watch.noticeRelation(relation)) this.#assembler?.schemaChanged([tableName(relation)], 0n as Lsn)
    if (watch.knows(relation)) return void this.#encoders.set(relation.oid, watch.encoder(relation))
    this.#hold.hold(async () => {
      await this.#lookAtCatalog(relation.columns.map((column) => column.typeOid))
      this.#encoders.set(relation.oid, watch.encoder(relation))
    })
  }

  /** @returns the tables that look different than before */
  async #lookAtCatalog(typeOids: readonly number[] = []): Promise<string[]> {
    const changed = (await this.#watch?.refresh(typeOids)) ?? []
    // What the catalog shows was committed before this.
    if (changed.length > 0) this.#assembler?.schemaChanged(changed, await readCurrentLsn(this.#options.query))
    return changed
  }

  #push(batch: AssembledBatch): void {
    if (batch.commitTimeMs === undefined) this.#markLsn = batch.endLsn
    this.#writer?.push(batch)
  }

  #progress(lsn: Lsn, isUrgent: boolean): void {
    const mark = this.#assembler?.isInTransaction === false ? this.#assembler.takeSchemaMark(lsn) : undefined
    if (mark !== undefined) this.#push(mark)
    this.#writer?.progress({ lsn, lastCommitLsn: this.#assembler?.previousCommitLsn ?? null }, isUrgent)
  }

  #keepalive(endLsn: Lsn, isReplyRequested: boolean): void {
    if (endLsn > this.#receivedLsn && !this.#hold.isHolding) this.#receivedLsn = Number(endLsn)
    // While messages wait here, or a transaction is half read, its LSN says nothing about what the log has.
    if (!this.#hold.isHolding && this.#assembler?.isInTransaction === false) this.#progress(endLsn, false)
    if (!isReplyRequested) return
    this.#pings++
    if (this.#pings >= SHUTDOWN_PINGS) return this.#fail(new CaptureError('The server is shutting down.'))
    this.#connection.sendStatus(BigInt(this.#receivedLsn) as Lsn, this.#confirmed.lsn, false)
  }

  /** Once in a while: what the log has kept for long enough is confirmed, and a quiet server is asked how far it is. */
  async #tick(): Promise<void> {
    this.#pings = 0
    this.#connection.checkHeard(this.#options.limits.serverTimeoutMs)
    const point = this.#confirm?.confirmable(performance.now())
    if (point !== undefined && point.lsn > this.#confirmed.lsn) {
      this.#confirmed = point
      if (this.#memory !== undefined) this.#memory.confirmed = { lsn: point.lsn.toString(), previousCommitLsn: point.lastCommitLsn }
    }
    await this.#remember()
    if (this.#hasEnded) return
    this.#connection.sendStatus(BigInt(this.#receivedLsn) as Lsn, this.#confirmed.lsn, this.#isQuiet)
    this.#isQuiet = true
    const lagBytes = (await readCurrentLsn(this.#options.query)) - this.keptLsn
    this.#options.onLag(lagBytes > 0n ? Number(lagBytes) : 0)
  }

  /** What the next start needs. The shapes only once the mark for their change is in the log. */
  async #remember(): Promise<void> {
    if (this.#memory === undefined || this.#watch === undefined || this.#writer === undefined) return
    const isMarked = this.#assembler?.hasSchemaChanges === false && this.#writer.keptLsn >= this.#markLsn
    if (isMarked) this.#memory.shapes = this.#watch.shapes
    const text = formatMemory(this.#memory)
    if (text === this.#rememberedText) return
    await this.#options.sink.remember(text)
    this.#rememberedText = text
  }

  async #reconcile(): Promise<void> {
    const changed = await this.#lookAtCatalog()
    if (changed.length === 0 || this.#hasEnded) return
    this.#options.onWarning(`${changed.join(', ')} changed in the database; readers read it again.`)
    // On an idle database nothing would come to carry the mark. A standby cannot write, and waits for what its primary writes.
    await this.#options.query('SELECT pg_logical_emit_message(true, $1, $2)', [MARK_PREFIX, '']).catch(() => undefined)
  }

  #pause(reason: 'hold' | 'full', isPaused: boolean): void {
    if (isPaused) this.#pauses.add(reason)
    else this.#pauses.delete(reason)
    if (this.#hasEnded) return
    if (this.#pauses.size > 0) this.#connection.pause()
    else this.#connection.resume()
  }

  #fail(cause: unknown): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#options.onEnd(cause instanceof Error ? cause : new CaptureError(String(cause)))
  }
}

const TAG_RELATION = 82 // R
const TAG_TYPE = 89 // Y

/** Whether the log has nothing yet, or a snapshot that was cut off. */
function isUnread({ lsn, memory }: SinkState): boolean {
  return lsn === undefined || parseMemory(memory)?.snapshot === 'begun'
}
