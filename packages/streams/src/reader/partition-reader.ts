import type { DecisionContext } from '@zenstack-live/access'
import type { ReaderLease, ReaderRecord } from '@zenstack-live/change-log'
import { compareEntryIds, errorCodeOf, FIRST_ENTRY_ID, type EntryId } from '@zenstack-live/protocol'
import { writeDeadLetter } from '../dead-letter.ts'
import type { SharedChange } from '../page/shared-change.ts'
import type { PageMark, StreamPage } from '../page/stream-pages.ts'
import type { Match, Matcher } from '../matcher.ts'
import { StreamGapError } from '../stream-error.ts'
import { wait, within } from '../wait.ts'
import { ArmedEvents, countAhead } from './armed-events.ts'
import { gapReason, GapTeller } from './gap-teller.ts'
import { partitionOf } from './partition-of.ts'
import { replayLetters } from './replay-letters.ts'
import { parseProgress, Progress } from './progress.ts'
import type { ReaderConfig } from './reader-config.ts'
import { Saver } from './saver.ts'
import { Schedule } from './schedule.ts'
import type { StartPlace } from './start-place.ts'

interface PendingEvent {
  position: EntryId
  key: string
  change: SharedChange
  match: Match
}

/** How a reader came to its end. */
export type ReaderEnd = 'stopped' | 'lost'

/**
 * Owns one partition for as long as its lease holds.
 *
 * ```
 *  feed: log pages ──► match ──► Progress.begin ──► Schedule
 *  pump: Schedule ──► (count, save under the fence) ──► armed ──► deliver ──► finish | postpone | dead letter
 *  save: cursor, finished above it, deliveries, letters, lease: in one step
 * ```
 * What is finished is saved with the next save; until then a crash delivers it again. Where handlers are quicker than
 * saves, events are counted ahead of their turn: those that still waited when the process died have one delivery too many.
 */
export class PartitionReader {
  readonly #config: ReaderConfig
  readonly #lease: ReaderLease
  readonly #index: number
  readonly #progress: Progress
  readonly #schedule: Schedule<PendingEvent>
  readonly #saver: Saver
  readonly #armed: ArmedEvents<PendingEvent>
  readonly #gaps: GapTeller
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #isFresh = (): boolean => this.#saver.isFresh
  #matcher: Matcher | undefined
  #finishedSinceSave = 0
  #isReplaying = false
  // Asked for every change: a composite signal works its answer out anew each time.
  #isStopping = false
  #wakeFeed: (() => void) | undefined
  #wakeIdle: (() => void) | undefined
  #end: ReaderEnd = 'stopped'

  constructor(config: ReaderConfig, lease: ReaderLease, index: number, place: StartPlace) {
    this.#config = config
    this.#lease = lease
    this.#index = index
    const saved = lease.record === undefined ? undefined : parseProgress(lease.record)
    this.#progress = new Progress(config.log.identity, place.after, saved)
    if (saved === undefined) this.#progress.notBeforeMs = place.notBeforeMs
    this.#schedule = new Schedule(config.concurrency, config.retries !== undefined)
    this.#signal = AbortSignal.any([config.signal, this.#stop.signal])
    this.#signal.addEventListener('abort', () => (this.#isStopping = true), { once: true })
    this.#isStopping = this.#signal.aborted
    this.#saver = new Saver({
      log: config.log,
      lease,
      record: () => this.#recordForSave(),
      onLost: () => this.#lose(),
      onWarning: config.onWarning,
    })
    this.#gaps = new GapTeller({
      config,
      progress: this.#progress,
      saver: this.#saver,
      drained: () => this.#drained(),
      isStopping: () => this.#isStopping,
    })
    this.#armed = new ArmedEvents({
      concurrency: config.concurrency,
      saver: this.#saver,
      isStopping: () => this.#isStopping,
      deliver: (event) => this.#deliver(event),
      giveBack: (event) => this.#disarm(event),
    })
  }

  /** Runs until the stream ends or the lease is lost. @throws {StreamGapError} when changes are gone and nobody takes care of it */
  async run(): Promise<ReaderEnd> {
    const renewal = setInterval(() => this.#renew(), this.#config.leaseMs / 3)
    try {
      this.#matcher = await this.#config.createMatcher()
      await this.#saver.flush()
      await this.#gaps.checkIdentity()
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
    this.#wake()
  }

  #renew(): void {
    this.#saver.request(0)
    const matcher = this.#matcher
    if (this.#config.retries === undefined || matcher === undefined || this.#isReplaying) return
    this.#isReplaying = true
    const replaying = replayLetters(this.#config, this.#lease, matcher, this.#signal, this.#saver)
    void replaying
      .catch((error: unknown) => this.#config.onWarning(`Dead letters of "${this.#config.id}" could not be replayed: ${String(error)}`))
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
    this.#armed.start()
    for (const timer of this.#timers) clearTimeout(timer)
    if (!this.#isLost) {
      await within(this.#drained(), this.#config.limits.drainMs)
      await within(this.#saver.flush(), this.#config.limits.drainMs)
    }
    clearInterval(renewal)
    this.#saver.close()
    if (!this.#isLost) await this.#config.log.readers.release(this.#lease).catch(() => undefined)
  }

  async #feed(): Promise<void> {
    const { log, limits, pages } = this.#config
    while (!this.#isStopping) {
      try {
        for await (const entries of log.tail(this.#progress.scanned, { signal: this.#signal })) {
          await this.#takePage(pages.of(entries, this.#progress.scanned))
          if (this.#isStopping) return
        }
      } catch (error) {
        if (this.#isStopping) return
        const reason = gapReason(error)
        if (reason !== undefined) await this.#gaps.tell(reason, error)
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
    return match instanceof Promise
      ? match.then((found) => (found === undefined ? undefined : this.#takeMatch(change, found)))
      : this.#takeMatch(change, match)
  }

  #takeMatch(change: SharedChange, match: Match): Promise<void> | undefined {
    if (!this.#progress.begin(change.entry.id, change.previous)) return undefined
    const event: PendingEvent = { position: change.entry.id, key: match.key, change, match }
    const { retries } = this.#config
    const deliveries = this.#progress.deliveries(event.position)
    if (retries !== undefined && deliveries >= retries.maxDeliveries) {
      this.#bury(event, new Error(`The process ended during each of ${deliveries} deliveries.`))
      return undefined
    }
    this.#schedule.add(event, deliveries > 0)
    this.#pump()
    return this.#progress.isAhead(this.#config.limits.maxAhead) ? this.#roomAhead() : undefined
  }

  #isOurs(matcher: Matcher, change: SharedChange): boolean {
    const key = matcher.keyOf(change)
    return key === undefined || partitionOf(key, this.#config.partitions) === this.#index
  }

  #isTooEarly(change: SharedChange): boolean {
    const { notBeforeMs } = this.#progress
    if (notBeforeMs === undefined) return false
    if (change.committedAtMs < notBeforeMs) return true
    this.#progress.notBeforeMs = undefined
    return false
  }

  /** Resolves when half of it is free, so that the feed does not stop and go with every event. */
  async #roomAhead(): Promise<void> {
    if (!this.#isStopping) await new Promise<void>((resolve) => (this.#wakeFeed = resolve))
  }

  #pump(): void {
    if (this.#isStopping) return
    for (let event = this.#schedule.take(); event !== undefined; event = this.#schedule.take()) {
      const taken = event
      if (this.#config.retries !== undefined) {
        this.#progress.count(taken.position)
        this.#saver.afterSave(() => this.#armed.add(taken))
      } else if (this.#saver.isFresh) void this.#deliver(taken)
      else this.#saver.afterSave(() => void this.#deliver(taken))
    }
  }

  #recordForSave(): ReaderRecord {
    this.#schedule.limit = this.#config.concurrency + countAhead(this.#config, this.#finishedSinceSave)
    this.#finishedSinceSave = 0
    return this.#progress.record()
  }

  /** Takes the count back: its delivery did not begin. */
  #disarm(event: PendingEvent): void {
    this.#progress.uncount(event.position)
    this.#schedule.postpone(event)
    this.#wake()
  }

  /** Never rejects. Handlers that do not wait for anything cost no promise. */
  #deliver(event: PendingEvent): Promise<void> | undefined {
    if (this.#isStopping) {
      this.#disarm(event)
      return undefined
    }
    const delivery = Math.max(1, this.#progress.deliveries(event.position))
    try {
      const handling = this.#config.deliver(event.match.toEvent(), { delivery, signal: this.#signal }, this.#isFresh)
      if (handling !== undefined) {
        return handling.then(
          () => this.#succeeded(event),
          (error: unknown) => this.#failed(event, delivery, error),
        )
      }
    } catch (error) {
      this.#failed(event, delivery, error)
      return undefined
    }
    this.#succeeded(event)
    return undefined
  }

  #succeeded(event: PendingEvent): void {
    this.#progress.finish(event.position)
    this.#schedule.finish(event)
    this.#finishedSinceSave++
    this.#goOn()
  }

  #goOn(): void {
    this.#saver.request(this.#schedule.size === 0 ? 0 : this.#config.limits.acknowledgeDelayMs)
    this.#pump()
    this.#wake()
  }

  #failed(event: PendingEvent, delivery: number, error: unknown): void {
    this.#settle(event, delivery, error)
    this.#goOn()
  }

  #settle(event: PendingEvent, delivery: number, error: unknown): void {
    const { retries, id } = this.#config
    if (retries === undefined) {
      // A loop that was left: the event stays unfinished, and is delivered again.
      this.#schedule.postpone(event)
      return
    }
    const isDead = delivery >= retries.maxDeliveries
    this.#ask('onFailure', () => retries.onFailure?.({ id, position: event.position, key: event.key, error, deliveries: delivery, isDead }))
    if (isDead) {
      this.#bury(event, error)
      this.#schedule.finish(event)
      return
    }
    this.#schedule.postpone(event)
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer)
        this.#schedule.retry(event)
        this.#pump()
      },
      Math.max(0, this.#ask('backoff', () => retries.backoff(delivery)) ?? this.#config.limits.maxBackoffMs),
    )
    this.#timers.add(timer)
  }

  /** A mistake in what the application gave besides its handler must not cost the event its next delivery. */
  #ask<Answer>(name: string, question: () => Answer): Answer | undefined {
    try {
      return question()
    } catch (error) {
      this.#config.onWarning(`\`${name}\` of the stream "${this.#config.id}" failed: ${String(error)}`)
      return undefined
    }
  }

  /** Makes it a dead letter, kept in the same step that finishes it. */
  #bury(event: PendingEvent, error: unknown): void {
    const { position, change, key, match } = event
    const { maxErrorChars } = this.#config.limits
    const deliveries = this.#progress.deliveries(position)
    this.#saver.addLetter(writeDeadLetter({ change, key, model: match.model, type: match.kind, deliveries, error, nowMs: Date.now(), maxErrorChars }))
    this.#progress.finish(position)
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
    if (entry.reason === 'schema') this.#matcher = await this.#config.createMatcher()
    else await this.#gaps.tellAt(mark, 'bulk', 'A transaction was too large for the log: its rows are not in it.')
  }

  /** Resolves when nothing is unfinished, or, once the reader ends, when nothing runs. */
  async #drained(): Promise<void> {
    // Several may wait: a gap to be told, and then the end.
    while (!this.#isDrained) {
      const before = this.#wakeIdle
      await new Promise<void>((resolve) => {
        this.#wakeIdle = () => {
          before?.()
          resolve()
        }
      })
    }
  }

  get #isDrained(): boolean {
    return this.#isStopping ? this.#schedule.running === 0 : this.#schedule.size === 0
  }

  #wake(): void {
    if (this.#wakeFeed !== undefined && (this.#isStopping || !this.#progress.isAhead(this.#config.limits.maxAhead / 2))) {
      this.#wakeFeed()
      this.#wakeFeed = undefined
    }
    if (this.#wakeIdle !== undefined && this.#isDrained) {
      this.#wakeIdle()
      this.#wakeIdle = undefined
    }
  }
}

function isBefore(mark: PageMark | undefined, change: SharedChange): boolean {
  return mark !== undefined && compareEntryIds(mark.entry.id, change.entry.id) < 0
}
