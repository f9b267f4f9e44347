import type { DatabaseTime } from '../../database/asker.ts'
import type { EdgeContext } from '../../edge-context.ts'
import { LOOK_AHEAD_MS } from './next-moments.ts'
import type { TimedRows } from './timed-rows.ts'

/*
 * When time alone can change an answer.
 *
 * Where all that policies compare with `now()` is known, the next of those moments is looked up, of rows that the reader does not see as
 * well: until then nothing is asked, but for once in `LOOK_AHEAD_MS`. Anywhere else the query is asked again every `requeryNowMs`.
 */

export interface AnswerClockOptions {
  context: Pick<EdgeContext, 'moments' | 'limits'>
  /** `undefined`: not known. */
  timedRows: readonly TimedRows[] | undefined
  auth: Readonly<Record<string, unknown>> | null
  /** The answer may be another now. */
  onTime(): void
}

/** Many rows may have their moments close together: so far apart it rings, or by `requeryNowMs` where that is shorter. */
const MAX_GAP_MS = 1_000
/** A `Date` holds no microseconds, and timers may be early by one of these. */
const MARGIN_MS = 2

export class AnswerClock {
  readonly #options: AnswerClockOptions
  /** Of the newest answer: a look at the moments after an older one is worth nothing. */
  #shown: DatabaseTime | undefined
  #isLooking = false
  #timer: NodeJS.Timeout | undefined
  #rangAtMs = Number.NEGATIVE_INFINITY
  /** The moment it rang for, by the database's clock. */
  #rungFor = Number.NEGATIVE_INFINITY

  constructor(options: AnswerClockOptions) {
    this.#options = options
  }

  /** An answer shows what there was to see at this time. */
  set(time: DatabaseTime): void {
    this.#shown = time
    if (!this.#isLooking) void this.#look()
  }

  stop(): void {
    this.#shown = undefined
    clearTimeout(this.#timer)
  }

  /** One look at a time: while much is written answers may come faster than the database says what comes next. */
  async #look(): Promise<void> {
    this.#isLooking = true
    let seen: DatabaseTime | undefined
    while (this.#shown !== undefined && this.#shown !== seen) {
      seen = this.#shown
      const next = await this.#nextAfter(seen).catch(() => undefined)
      if (seen === this.#shown) this.#ringAt(next, seen)
    }
    this.#isLooking = false
  }

  /** @param next - in milliseconds since 1970; `undefined`: not known, or not now */
  #ringAt(next: number | undefined, { databaseMs, localMs }: DatabaseTime): void {
    const { requeryNowMs } = this.#options.context.limits
    const nowMs = performance.now()
    const pauseMs = next === undefined ? requeryNowMs : next + MARGIN_MS - databaseMs - (nowMs - localMs)
    // A moment that it rang for has not been seen yet: the question was on its way.
    const leastMs = next !== undefined && next <= this.#rungFor ? 0 : this.#rangAtMs + Math.min(requeryNowMs, MAX_GAP_MS) - nowMs
    clearTimeout(this.#timer)
    this.#timer = setTimeout(
      () => {
        this.#rangAtMs = performance.now()
        this.#rungFor = next ?? Number.NEGATIVE_INFINITY
        this.#options.onTime()
      },
      Math.max(0, pauseMs, leastMs),
    )
  }

  async #nextAfter({ databaseMs }: DatabaseTime): Promise<number | undefined> {
    const { timedRows, auth } = this.#options
    if (timedRows === undefined) return undefined
    const known = timedRows.map(({ plan }) => plan.nextChange({}, { auth, now: databaseMs }))
    if (known.includes('ask-database')) return undefined
    const { moments } = this.#options.context
    const ofRows = await Promise.all(
      timedRows.flatMap(({ plan, where }) =>
        [...plan.timeFields].map((field) => moments.after({ model: plan.model.name, field, where }, databaseMs)),
      ),
    )
    return Math.min(...[...known, ...ofRows].filter((moment) => typeof moment === 'number'), databaseMs + LOOK_AHEAD_MS)
  }
}
