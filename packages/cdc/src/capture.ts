import { setTimeout as sleep } from 'node:timers/promises'
import { parseLsn, type Lsn } from '@zenstack-live/protocol'
import { MARK_PREFIX } from './assembler.ts'
import { DEFAULT_CAPTURE_NAME } from './capture-name.ts'
import type { CapturedTable } from './captured-table.ts'
import { createDatabase, type Database } from './database/query.ts'
import { checkSlotName } from './database/slot.ts'
import { CaptureError } from './errors.ts'
import { checkCapture } from './inspect.ts'
import { CAPTURE_LIMITS, type CaptureLimits } from './limits.ts'
import { selectionOf } from './selection.ts'
import { CaptureSession } from './session.ts'
import type { CaptureSink } from './sink.ts'
import { VERSION } from './version.ts'

export interface CaptureOptions {
  /** A direct connection string (never a pooler's), of a role with REPLICATION. */
  url: string
  /** What is captured: name and columns of each table. */
  tables: readonly CapturedTable[]
  sink: CaptureSink
  /** @defaultValue `zenstack_live` */
  slot?: string
  /** @defaultValue `zenstack_live` */
  publication?: string
  /** What events call their source, as Debezium's `topic.prefix`. @defaultValue `zenstack` */
  name?: string
  /** Prefixes of logical messages that become events (`op: "m"`); none by default, since nobody knows what they hold. */
  messagePrefixes?: readonly string[] | 'all'
  /**
   * `initial`: where the log is new, or its slot was lost, the rows that are there come first, each as an event of operation `r`: exactly
   * those that no change tells of. The slot is made anew for it.
   *
   * Live queries and durable readers of this project need none; it is for other readers of the log, to fill a copy of the tables.
   *
   * @defaultValue `never`
   */
  snapshot?: 'initial' | 'never'
  limits?: Partial<CaptureLimits>
  onState?: (state: CaptureState) => void
  logger?: CaptureLogger
  /** Ends the capture. */
  signal?: AbortSignal
}

export interface CaptureLogger {
  info(message: string): void
  warn(message: string): void
}

/** What a capture does. It leads, or waits for its turn, or tries again. */
export type CaptureState =
  | { kind: 'connecting' }
  /** Another process leads. */
  | { kind: 'waiting' }
  | { kind: 'leading'; epoch: number }
  | { kind: 'failing'; error: Error; retryInMs: number }
  | { kind: 'closed' }

export interface CaptureLag {
  /** WAL that the log does not have yet; `undefined` before the first look. */
  bytes: number | undefined
  /** From the commit to the moment the log had it, of the newest commit. */
  ms: number | undefined
}

export interface Capture {
  readonly state: CaptureState
  readonly lag: CaptureLag
  /**
   * Resolves when the log has everything that was committed before the call, whichever process leads.
   *
   * @throws {CaptureError} when the capture is closed, or a precondition does not hold
   */
  caughtUp(options?: { signal?: AbortSignal }): Promise<void>
  /** Ends it. What the log kept and Postgres was not told yet comes again with the next start, and changes nothing. */
  close(): Promise<void>
}

/**
 * Reads the changes of these tables from Postgres and hands them to the sink: whole transactions, in commit order, each once.
 *
 * Begins at once and goes on by itself: through lost connections, restarts and failovers of either side. Of many processes on one slot
 * one leads and the others wait; Postgres itself is the judge.
 *
 * @see https://www.postgresql.org/docs/current/protocol-logical-replication.html
 */
export function startCapture(options: CaptureOptions): Capture {
  return new CaptureLoop(options)
}

/** Conflicts in a row after which waiting does not help. */
const MAX_CONFLICTS = 2

class CaptureLoop implements Capture {
  readonly #options: CaptureOptions
  readonly #limits: CaptureLimits
  readonly #slot: string
  readonly #database: Database
  readonly #abort = new AbortController()
  readonly #running: Promise<void>
  #state: CaptureState = { kind: 'connecting' }
  #session: CaptureSession | undefined
  /** How often in a row the log refused what the slot holds. */
  #conflicts = 0
  #hasBegunAnew = false
  #keptLsn: Lsn | undefined
  #backoffMs: number
  #lagMs: number | undefined
  #lagBytes: number | undefined
  #wake: (() => void)[] = []

  constructor(options: CaptureOptions) {
    this.#options = options
    this.#limits = { ...CAPTURE_LIMITS, ...options.limits }
    this.#backoffMs = this.#limits.minBackoffMs
    this.#slot = checkSlotName(options.slot ?? DEFAULT_CAPTURE_NAME)
    this.#database = createDatabase(options.url)
    if (options.signal?.aborted === true) this.#abort.abort()
    options.signal?.addEventListener('abort', () => void this.close(), { once: true, signal: this.#abort.signal })
    this.#running = this.#run()
  }

  get state(): CaptureState {
    return this.#state
  }

  get lag(): CaptureLag {
    return { bytes: this.#lagBytes, ms: this.#lagMs }
  }

  async caughtUp({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    await this.#leadingOrWaiting(signal)
    const [row] = await this.#database.query('SELECT pg_current_wal_insert_lsn()::text AS lsn, pg_logical_emit_message(true, $1, $2) AS at', [
      MARK_PREFIX,
      '',
    ])
    const target = parseLsn(String(row?.['lsn']))
    for (;;) {
      this.#checkOpen(signal)
      const session = this.#session
      const keptLsn = session === undefined ? (await this.#options.sink.state()).lsn : session.keptLsn
      if (keptLsn !== undefined && keptLsn >= target) return
      await (session === undefined ? sleep(50) : this.#change(1_000))
    }
  }

  async close(): Promise<void> {
    this.#abort.abort()
    this.#notify()
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      try {
        const ended = await this.#lead()
        if (ended !== undefined && !this.#abort.signal.aborted) throw ended
        await this.#pause(this.#limits.takeoverPollMs * (0.95 + Math.random() / 10))
      } catch (error) {
        if (this.#abort.signal.aborted) break
        if (isConflict(error)) this.#conflicts++
        const retryInMs = Math.round(this.#backoffMs * (0.5 + Math.random() / 2))
        this.#setState({ kind: 'failing', error: error instanceof Error ? error : new CaptureError(String(error)), retryInMs })
        await this.#pause(retryInMs)
        this.#backoffMs = Math.min(this.#backoffMs * 2, this.#limits.maxBackoffMs)
      }
    }
    await this.#database.close()
    this.#setState({ kind: 'closed' })
  }

  /** One try: gives the error that ended a session, or `undefined` when another process has the slot. */
  async #lead(): Promise<Error | undefined> {
    if (this.#state.kind !== 'waiting') this.#setState({ kind: 'connecting' })
    const publication = this.#options.publication ?? DEFAULT_CAPTURE_NAME
    const target = { slot: this.#slot, publication, tables: this.#options.tables }
    if (await checkCapture(this.#database.query, target)) {
      this.#setState({ kind: 'waiting' })
      return undefined
    }
    // One conflict may come of what a former leader had under way. Only once: another capture may write to the same log, and do likewise.
    const isLogForeign = this.#conflicts >= MAX_CONFLICTS && !this.#hasBegunAnew
    const { promise: ended, resolve: onEnd } = Promise.withResolvers<Error>()
    const session = await CaptureSession.open({
      ...target,
      url: this.#options.url,
      query: this.#database.query,
      sink: this.#options.sink,
      name: this.#options.name ?? 'zenstack',
      version: VERSION,
      limits: this.#limits,
      selection: selectionOf({
        tables: this.#options.tables,
        messagePrefixes: this.#options.messagePrefixes ?? [],
        limits: this.#limits,
        version: VERSION,
      }),
      isLogForeign,
      wantsSnapshot: this.#options.snapshot === 'initial',
      signal: this.#abort.signal,
      isMessageCaptured: this.#isMessageCaptured,
      onEnd,
      onKept: (lsn, commitTimeMs) => {
        // A session that only opened, or repeated what the log has, may end by the same error as the one before.
        if (lsn !== this.#keptLsn) {
          this.#backoffMs = this.#limits.minBackoffMs
          this.#conflicts = 0
        }
        this.#keptLsn = lsn
        if (commitTimeMs !== undefined) this.#lagMs = Math.max(0, Date.now() - commitTimeMs)
        this.#notify()
      },
      onLag: (bytes) => (this.#lagBytes = bytes),
      onWarning: (message) => this.#options.logger?.warn(message),
    })
    if (session === undefined) {
      this.#setState({ kind: 'waiting' })
      return undefined
    }
    if (isLogForeign) this.#hasBegunAnew = true
    const stop = (): void => onEnd(new CaptureError('The capture was closed.'))
    this.#abort.signal.addEventListener('abort', stop, { once: true })
    try {
      this.#session = session
      this.#setState({ kind: 'leading', epoch: session.epoch })
      return this.#abort.signal.aborted ? new CaptureError('The capture was closed.') : await ended
    } finally {
      this.#abort.signal.removeEventListener('abort', stop)
      this.#session = undefined
      await session.close()
    }
  }

  readonly #isMessageCaptured = (prefix: string): boolean => {
    const prefixes = this.#options.messagePrefixes ?? []
    return prefixes === 'all' || prefixes.includes(prefix)
  }

  async #leadingOrWaiting(signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      this.#checkOpen(signal)
      if (this.#state.kind === 'leading' || this.#state.kind === 'waiting') return
      // Waiting does not mend these; whoever waits should hear of it.
      if (this.#state.kind === 'failing' && this.#state.error instanceof CaptureError && this.#state.error.problem !== undefined)
        throw this.#state.error
      await this.#change(1_000)
    }
  }

  #checkOpen(signal: AbortSignal | undefined): void {
    signal?.throwIfAborted()
    if (this.#abort.signal.aborted) throw new CaptureError('The capture was closed.')
  }

  /** Resolves when something happened, or after a while. */
  async #change(maxMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake.push(resolve)
    const timer = setTimeout(resolve, maxMs)
    await promise
    clearTimeout(timer)
  }

  #notify(): void {
    const wake = this.#wake
    if (wake.length === 0) return
    this.#wake = []
    for (const resolve of wake) resolve()
  }

  #setState(state: CaptureState): void {
    const before = this.#state
    this.#state = state
    if (before.kind === state.kind && state.kind !== 'failing') return
    if (state.kind === 'failing') this.#options.logger?.warn(`Capture failed and is tried again in ${state.retryInMs} ms: ${state.error.message}`)
    else this.#options.logger?.info(`Capture is ${state.kind}.`)
    this.#options.onState?.(state)
    this.#notify()
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#abort.signal }).catch(() => undefined)
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'log_conflict'
}
