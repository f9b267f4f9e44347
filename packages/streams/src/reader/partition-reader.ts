import type { DecisionContext } from '@zenstack-live/access'
import { ChangeLogError, type ReaderLease, type ReaderRecord } from '@zenstack-live/change-log'
import { compareEntryIds, errorCodeOf, FIRST_ENTRY_ID } from '@zenstack-live/protocol'
import { errorText } from '../error-text.ts'
import type { Match, Matcher } from '../matcher.ts'
import type { SharedChange } from '../page/shared-change.ts'
import type { PageMark, StreamPage } from '../page/stream-pages.ts'
import { StreamGapError } from '../stream-error.ts'
import { untilStopped, wait, within } from '../wait.ts'
import { Deliveries } from './deliveries.ts'
import { GapTeller, isGap } from './gap-teller.ts'
import { partitionOf } from './partition-of.ts'
import { parseProgress, Progress } from './progress.ts'
import type { ReaderConfig } from './reader-config.ts'
import { replayLetters } from './replay-letters.ts'
import { Saver } from './saver.ts'

const RECREATED = 'The change log was made anew since this stream last ran.'

/** How a reader came to its end. */
export type ReaderEnd = 'stopped' | 'lost'

/**
 * Owns one partition for as long as its lease holds.
 *
 * ```
 *  feed: log pages ──► match ──► Progress.begin ──► Deliveries
 *  save: cursor, finished above it, deliveries, letters, lease: in one step
 * ```
 */
export class PartitionReader {
  readonly #config: ReaderConfig
  readonly #lease: ReaderLease
  readonly #index: number
  readonly #progress: Progress
  readonly #saver: Saver
  readonly #deliveries: Deliveries
  readonly #gaps: GapTeller
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  #matcher: Matcher | undefined
  #isReplaying = false
  // Asked for every change: a composite signal works its answer out anew each time.
  #isStopping = false
  #end: ReaderEnd = 'stopped'

  /** @param record - its place */
  constructor(config: ReaderConfig, lease: ReaderLease, index: number, record: ReaderRecord) {
    this.#config = config
    this.#lease = lease
    this.#index = index
    this.#progress = new Progress(config.log.identity, record.cursor, parseProgress(record))
    this.#signal = AbortSignal.any([config.signal, this.#stop.signal])
    const onAbort = (): void => {
      this.#isStopping = true
      // The feed may wait for room that handlers do not make.
      this.#deliveries.wake()
    }
    this.#signal.addEventListener('abort', onAbort, { once: true })
    this.#isStopping = this.#signal.aborted
    const isStopping = (): boolean => this.#isStopping
    this.#saver = new Saver({
      log: config.log,
      lease,
      maxDeadLetters: config.retries?.maxDeadLetters,
      record: () => this.#deliveries.record(),
      onLost: () => this.#lose(),
      onWarning: config.onWarning,
    })
    this.#deliveries = new Deliveries({ config, lease, progress: this.#progress, saver: this.#saver, signal: this.#signal, isStopping })
    this.#gaps = new GapTeller({
      config,
      progress: this.#progress,
      saver: this.#saver,
      drained: () => this.#deliveries.drained(),
      signal: this.#signal,
    })
  }

  /** How far it has come, also when it could no longer save it. */
  get record(): ReaderRecord {
    return this.#progress.record()
  }

  /** Runs until the stream ends or the lease is lost. @throws {StreamGapError} when changes are gone and nobody takes care of it */
  async run(): Promise<ReaderEnd> {
    const renewal = setInterval(() => this.#renew(), this.#config.leaseMs / 3)
    try {
      this.#matcher = await this.#createMatcher()
      await untilStopped(this.#saver.flush(), this.#signal)
      // Whoever owned it in the log that was lost may not have noticed: handlers of one row would overlap.
      if (this.#lease.isLost) await wait(this.#config.leaseMs, this.#signal)
      await this.#feed()
      return this.#end
    } catch (error) {
      if (this.#isStopping && !(error instanceof StreamGapError)) return this.#end
      throw error
    } finally {
      await this.#finish(renewal)
    }
  }

  /** Gives the partition up once what runs is finished. */
  stop(): void {
    this.#stop.abort()
  }

  /** `undefined` only when the reader ends: the application says what the schema is, and may take its time. */
  #createMatcher(): Promise<Matcher | undefined> {
    return untilStopped(this.#config.createMatcher(), this.#signal)
  }

  #renew(): void {
    this.#saver.request(0)
    const matcher = this.#matcher
    if (this.#config.retries === undefined || matcher === undefined || this.#isReplaying) return
    this.#isReplaying = true
    const scope = { config: this.#config, part: { name: this.#lease.id, index: this.#index }, deliveries: this.#deliveries, signal: this.#signal }
    const replaying = replayLetters(scope, matcher)
    void replaying
      .catch((error: unknown) => this.#config.onWarning(`Dead letters of "${this.#config.id}" could not be replayed: ${errorText(error)}`))
      .finally(() => (this.#isReplaying = false))
  }

  get #isLost(): boolean {
    return this.#end === 'lost'
  }

  #lose(): void {
    this.#end = 'lost'
    this.stop()
  }

  async #finish(renewal: NodeJS.Timeout): Promise<void> {
    this.#stop.abort()
    this.#deliveries.stop()
    if (!this.#isLost) {
      await within(this.#deliveries.drained(), this.#config.limits.drainMs)
      await within(this.#saver.flush(), this.#config.limits.drainMs)
    }
    clearInterval(renewal)
    this.#saver.close()
    if (!this.#isLost) await this.#config.log.readers.release(this.#lease).catch(() => undefined)
  }

  async #feed(): Promise<void> {
    const { log, limits, pages } = this.#config
    // The place may be one of another log.
    let trouble: unknown = this.#progress.log === log.identity ? undefined : new ChangeLogError('log_recreated', RECREATED)
    while (!this.#isStopping) {
      try {
        if (trouble !== undefined) await this.#gaps.tell(trouble)
        trouble = undefined
        for await (const entries of log.tail(this.#progress.scanned, { signal: this.#signal })) {
          await this.#takePage(pages.of(entries, this.#progress.scanned))
          if (this.#isStopping) return
        }
      } catch (error) {
        if (this.#isStopping && !(error instanceof StreamGapError)) return
        if (isGap(error)) trouble = error
        else if (errorCodeOf(error) === 'log_unavailable') await wait(Math.min(limits.standbyPollMs, 500), this.#signal)
        else throw error
      }
    }
  }

  async #takePage(page: StreamPage): Promise<void> {
    if (this.#matcher === undefined) return
    const { marks } = page
    const changes = page.tables.get(this.#matcher.table) ?? []
    // Nobody is signed in to a backend; its clock stands still while a page is looked at.
    const context: DecisionContext = { auth: null, now: Date.now() }
    let mark = 0
    for (const change of changes) {
      for (; mark < marks.length && isBefore(marks[mark], change); mark++) await this.#takeMark(marks[mark])
      // What a mark says was not told: the place stays before it.
      if (this.#isStopping) return
      const taking = this.#takeChange(change, context)
      if (taking !== undefined) await taking
      if (this.#isStopping) return
    }
    for (; mark < marks.length; mark++) await this.#takeMark(marks[mark])
    if (this.#isStopping) return
    this.#progress.scan(page.last)
    this.#saver.request(this.#config.limits.skipSaveIntervalMs)
  }

  /** Synchronous for changes that nobody asked for: they are the most. */
  #takeChange(change: SharedChange, context: DecisionContext): Promise<void> | undefined {
    const matcher = this.#matcher
    if (matcher === undefined) return undefined
    if (change.op === 't')
      return matcher.asksDeleted ? this.#gaps.tellAt(change, 'truncate', 'The table was truncated: its rows went without an event each.') : undefined
    if (this.#config.partitions > 1 && !this.#isOurs(matcher, change)) return undefined
    const match = matcher.match(change, context)
    if (match === undefined || this.#isTooEarly(change)) return undefined
    return match instanceof Promise ? this.#addFound(change, match) : this.#deliveries.add(change, match)
  }

  /** A reader that ends does not wait for the database: the change is not taken up, and the place stays before it. */
  async #addFound(change: SharedChange, finding: Promise<Match | undefined>): Promise<void> {
    const match = await untilStopped(finding, this.#signal)
    if (match !== undefined) await this.#deliveries.add(change, match)
  }

  #isOurs(matcher: Matcher, change: SharedChange): boolean {
    const key = matcher.keyOf(change)
    return key === undefined || partitionOf(key, this.#config.partitions) === this.#index
  }

  #isTooEarly(change: SharedChange): boolean {
    const { notBeforeMs } = this.#progress
    if (notBeforeMs === undefined) return false
    const { committedAtMs } = change
    // Commits of one time do not come in the order of their clocks.
    if (committedAtMs >= notBeforeMs + this.#config.limits.startMarginMs) this.#progress.notBeforeMs = undefined
    return committedAtMs < notBeforeMs
  }

  async #takeMark(mark: PageMark | undefined): Promise<void> {
    if (mark === undefined || this.#matcher === undefined) return
    const { entry } = mark
    if (entry.kind === 'epoch') {
      // The first entry of a log that never lost one: nothing came before it.
      if (mark.previous === FIRST_ENTRY_ID) return
      await this.#gaps.tellAt(mark, 'epoch', `Continuity ended here: ${entry.reason}.`)
      return
    }
    if (!entry.tables.includes(this.#matcher.table)) return
    if (entry.reason === 'schema') this.#matcher = await this.#createMatcher()
    else await this.#gaps.tellAt(mark, 'bulk', 'A transaction was too large for the log: its rows are not in it.')
  }
}

function isBefore(mark: PageMark | undefined, change: SharedChange): boolean {
  return mark !== undefined && compareEntryIds(mark.entry.id, change.entry.id) < 0
}
