import type { ReaderLease, ReaderRecord } from '@zenstack-live/change-log'
import type { EntryId } from '@zenstack-live/protocol'
import { writeDeadLetter } from '../dead-letter.ts'
import { errorText } from '../error-text.ts'
import type { Match } from '../matcher.ts'
import type { SharedChange } from '../page/shared-change.ts'
import { ArmedEvents, countAhead } from './armed-events.ts'
import { replayName } from './partition-of.ts'
import type { Progress } from './progress.ts'
import type { ReaderConfig } from './reader-config.ts'
import type { Saver } from './saver.ts'
import { Schedule } from './schedule.ts'

/** A dead letter that is delivered once more. */
interface Replay {
  /** Those that failed. */
  deliveries: number
  settle: () => void
}

interface PendingEvent {
  position: EntryId
  key: string
  change: SharedChange
  match: Match
  replay: Replay | undefined
}

export interface DeliveriesDeps {
  config: ReaderConfig
  lease: ReaderLease
  progress: Progress
  saver: Saver
  signal: AbortSignal
  isStopping(this: void): boolean
}

/**
 * Hands the events of one partition to whoever consumes them, those of a row one after the other.
 *
 * ```
 *  Schedule ──► (count, save under the fence) ──► armed ──► deliver ──► finish | postpone | dead letter
 *  replays: (back among the dead) ──────────────────┘
 * ```
 * What is finished is saved with the next save; until then a crash delivers it again. Where handlers are quicker than
 * saves, events are counted ahead of their turn: those that still waited when the process died have one delivery too many.
 */
export class Deliveries {
  readonly #deps: DeliveriesDeps
  readonly #schedule: Schedule<PendingEvent>
  readonly #armed: ArmedEvents<PendingEvent>
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #isFresh = (): boolean => this.#deps.saver.isFresh
  #finishedSinceSave = 0
  /** Text of the changes that are not finished. */
  #heldChars = 0
  #wakeFeed: (() => void) | undefined
  #wakeIdle: (() => void) | undefined

  constructor(deps: DeliveriesDeps) {
    this.#deps = deps
    const { config, saver, isStopping } = deps
    this.#schedule = new Schedule(config.concurrency, config.retries !== undefined)
    this.#armed = new ArmedEvents({
      concurrency: config.concurrency,
      saver,
      isStopping,
      deliver: (event) => this.#deliver(event),
      giveBack: (event) => this.#disarm(event),
    })
  }

  /** Takes up the next event of the log. @returns a promise where it is enough for now: it resolves when half of it is free */
  add(change: SharedChange, match: Match): Promise<void> | undefined {
    const { config, progress } = this.#deps
    const { id: position } = change.entry
    if (!progress.begin(position, change.previous)) return undefined
    const event: PendingEvent = { position, key: match.key, change, match, replay: undefined }
    const deliveries = progress.deliveries(position)
    if (config.retries !== undefined && deliveries >= config.retries.maxDeliveries) {
      progress.finish(position)
      this.#bury(event, new Error(`The process ended during each of ${deliveries} deliveries.`), deliveries)
      return undefined
    }
    this.#heldChars += change.entry.value.length
    this.#schedule.add(event, deliveries > 0)
    this.#pump()
    return this.#isFull(1) ? this.#roomAhead() : undefined
  }

  /**
   * Delivers a dead letter once more, when it is its row's turn. It is put back among the dead before: should its handler end the process,
   * it is not tried again for ever.
   */
  replay(change: SharedChange, match: Match, deliveries: number): Promise<void> {
    return new Promise((resolve) => {
      const { signal } = this.#deps
      const settle = (): void => {
        signal.removeEventListener('abort', settle)
        resolve()
      }
      // An end finds it where it is.
      signal.addEventListener('abort', settle, { once: true })
      this.#schedule.add({ position: change.entry.id, key: match.key, change, match, replay: { deliveries, settle } }, false)
      this.#pump()
    })
  }

  record(): ReaderRecord {
    const { config, progress } = this.#deps
    this.#schedule.limit = config.concurrency + countAhead(config, this.#finishedSinceSave)
    this.#finishedSinceSave = 0
    return progress.record()
  }

  /** Nothing more begins. */
  stop(): void {
    this.#armed.start()
    for (const timer of this.#timers) clearTimeout(timer)
    this.wake()
  }

  /** Resolves when nothing is unfinished, or, once the reader ends, when nothing runs. */
  async drained(): Promise<void> {
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

  wake(): void {
    if (this.#wakeFeed !== undefined && (this.#deps.isStopping() || !this.#isFull(0.5))) {
      this.#wakeFeed()
      this.#wakeFeed = undefined
    }
    if (this.#wakeIdle !== undefined && this.#isDrained) {
      this.#wakeIdle()
      this.#wakeIdle = undefined
    }
  }

  get #isDrained(): boolean {
    return this.#deps.isStopping() ? this.#schedule.running === 0 : this.#schedule.size === 0
  }

  #isFull(part: number): boolean {
    const { progress, config } = this.#deps
    return this.#heldChars > config.limits.maxAheadChars * part || progress.isAhead(config.limits.maxAhead * part)
  }

  /** Resolves when half of it is free, so that the feed does not stop and go with every event. */
  async #roomAhead(): Promise<void> {
    if (!this.#deps.isStopping()) await new Promise<void>((resolve) => (this.#wakeFeed = resolve))
  }

  #pump(): void {
    const { config, progress, saver, isStopping } = this.#deps
    if (isStopping()) return
    for (let event = this.#schedule.take(); event !== undefined; event = this.#schedule.take()) {
      const taken = event
      if (taken.replay !== undefined) void this.#armReplay(taken, taken.replay)
      else if (config.retries !== undefined) {
        progress.count(taken.position)
        saver.afterSave(() => this.#armed.add(taken))
      } else {
        // A loop looks itself whether the lease holds, when it takes the event: kept back here, a later one could come before it.
        void this.#deliver(taken)
      }
    }
  }

  async #armReplay(event: PendingEvent, { settle }: Replay): Promise<void> {
    const { lease } = this.#deps
    if (await this.#move(event, replayName(lease.id), lease.id)) {
      this.#armed.add(event)
      return
    }
    // Discarded meanwhile, or the log is away: then it is still to be replayed.
    this.#schedule.finish(event)
    settle()
    this.#goOn()
  }

  async #move({ position }: PendingEvent, from: string, to: string): Promise<boolean> {
    const { config } = this.#deps
    try {
      return await config.log.readers.moveDeadLetter(from, position, to)
    } catch (error) {
      config.onWarning(`A dead letter of "${config.id}" could not be moved: ${errorText(error)}`)
      return false
    }
  }

  /** Takes the count back: its delivery did not begin. */
  #disarm(event: PendingEvent): void {
    const { progress, lease } = this.#deps
    if (event.replay === undefined) progress.uncount(event.position)
    else void this.#move(event, lease.id, replayName(lease.id))
    this.#schedule.postpone(event)
    this.wake()
  }

  /** Never rejects. Handlers that do not wait for anything cost no promise. */
  #deliver(event: PendingEvent): Promise<void> | undefined {
    const { config, progress, signal, isStopping } = this.#deps
    if (isStopping()) {
      this.#disarm(event)
      return undefined
    }
    const delivery = event.replay === undefined ? Math.max(1, progress.deliveries(event.position)) : event.replay.deliveries + 1
    try {
      const handling = config.deliver(event.match.toEvent(), { delivery, signal }, this.#isFresh)
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
    if (event.replay !== undefined) void this.#removeLetter(event, event.replay)
    this.#finishedSinceSave++
    this.#finish(event)
    this.#goOn()
  }

  async #removeLetter({ position }: PendingEvent, { settle }: Replay): Promise<void> {
    const { config, lease } = this.#deps
    await config.log.readers
      .removeDeadLetter(lease.id, position)
      .catch((error: unknown) => config.onWarning(`A dead letter of "${config.id}" was handled, but could not be removed: ${errorText(error)}`))
    settle()
  }

  #finish(event: PendingEvent): void {
    if (event.replay === undefined) {
      this.#heldChars -= event.change.entry.value.length
      this.#deps.progress.finish(event.position)
    }
    this.#schedule.finish(event)
  }

  #goOn(): void {
    this.#deps.saver.request(this.#schedule.size === 0 ? 0 : this.#deps.config.limits.acknowledgeDelayMs)
    this.#pump()
    this.wake()
  }

  #failed(event: PendingEvent, delivery: number, error: unknown): void {
    this.#settle(event, delivery, error)
    this.#goOn()
  }

  #settle(event: PendingEvent, delivery: number, error: unknown): void {
    const { config, isStopping } = this.#deps
    const { retries, id } = config
    if (retries === undefined) {
      // A loop that was left: the event stays unfinished, and is delivered again.
      this.#schedule.postpone(event)
      return
    }
    const isDead = event.replay !== undefined || delivery >= retries.maxDeliveries
    retries.onFailure?.({ id, position: event.position, key: event.key, error, deliveries: delivery, isDead })
    if (isDead) {
      this.#finish(event)
      this.#bury(event, error, delivery)
      event.replay?.settle()
      return
    }
    this.#schedule.postpone(event)
    // Nobody would clear a timer that begins during the drain, and the process would wait for it.
    if (isStopping()) return
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#schedule.retry(event)
      this.#pump()
    }, retries.backoff(delivery))
    this.#timers.add(timer)
  }

  /** Makes it a dead letter. It is finished before: the letter may be saved at once, and that save has to say both. */
  #bury({ change, key, match }: PendingEvent, error: unknown, deliveries: number): void {
    const { config, saver } = this.#deps
    const { maxErrorChars } = config.limits
    saver.addLetter(writeDeadLetter({ change, key, model: match.model, type: match.kind, deliveries, error, nowMs: Date.now(), maxErrorChars }))
  }
}
