import type { DatabaseTime, Question } from '../../database/asker.ts'
import type { EdgeContext } from '../../edge-context.ts'
import type { TimedRows } from './timed-rows.ts'

/*
 * When time alone can change an answer.
 *
 * Where all that policies compare with `now()` is known, the next of those moments is looked up, of rows that the reader does not see as
 * well: nothing is asked until then. Anywhere else the query is asked again every `requeryNowMs`.
 */

export interface AnswerClockOptions {
  context: Pick<EdgeContext, 'asker' | 'database' | 'limits'>
  /** `undefined`: not known. */
  timedRows: readonly TimedRows[] | undefined
  auth: Readonly<Record<string, unknown>> | null
  /** The answer may be another now. */
  onTime(): void
}

/** Further off nobody looks: timers cannot wait for more than 24 days, and `infinity` never comes. */
const LOOK_AHEAD_MS = 24 * 60 * 60_000
/** A `Date` holds no microseconds, and timers may be early by one of these. */
const MARGIN_MS = 2

export class AnswerClock {
  readonly #options: AnswerClockOptions
  /** How often it was set: an older look at the moments is worth nothing. */
  #settings = 0
  #timer: NodeJS.Timeout | undefined
  #rangAtMs = Number.NEGATIVE_INFINITY

  constructor(options: AnswerClockOptions) {
    this.#options = options
  }

  /** An answer shows what there was to see at this time. */
  set(time: DatabaseTime): void {
    const setting = ++this.#settings
    const { requeryNowMs } = this.#options.context.limits
    // What fails is asked again by the query.
    void this.#pauseAfter(time)
      .catch(() => requeryNowMs)
      .then((pauseMs) => (setting === this.#settings ? this.#ringIn(pauseMs) : undefined))
  }

  stop(): void {
    this.#settings++
    clearTimeout(this.#timer)
  }

  #ringIn(pauseMs: number): void {
    // Many rows may have their moments close together.
    const leastMs = this.#rangAtMs + this.#options.context.limits.requeryNowMs - performance.now()
    clearTimeout(this.#timer)
    this.#timer = setTimeout(
      () => {
        this.#rangAtMs = performance.now()
        this.#options.onTime()
      },
      Math.max(0, pauseMs, leastMs),
    )
  }

  async #pauseAfter(time: DatabaseTime): Promise<number> {
    const { context, timedRows } = this.#options
    if (timedRows === undefined) return context.limits.requeryNowMs
    const { databaseMs, localMs } = time
    const known = timedRows.map(({ plan }) => plan.nextChange({}, { auth: this.#options.auth, now: databaseMs }))
    if (known.includes('ask-database')) return context.limits.requeryNowMs
    const ofRows = await Promise.all(
      timedRows.flatMap(({ plan, where }) => [...plan.timeFields].map((field) => this.#nextIn(plan.model.name, field, where, databaseMs))),
    )
    const moments = [...known, ...ofRows].filter((moment) => typeof moment === 'number')
    return Math.min(...moments, databaseMs + LOOK_AHEAD_MS) + MARGIN_MS - databaseMs - (performance.now() - localMs)
  }

  /** Asked without policies: who is not let in by a row yet, may be then. Nobody is told. */
  async #nextIn(model: string, field: string, where: object | undefined, fromMs: number): Promise<number | undefined> {
    const { asker, database } = this.#options.context
    const range = { [field]: { gte: new Date(Math.floor(fromMs)), lte: new Date(fromMs + LOOK_AHEAD_MS) } }
    const args = { where: where === undefined ? range : { AND: [where, range] }, orderBy: { [field]: 'asc' }, select: { [field]: true } }
    const question: Question = { model, operation: 'findFirst', args }
    const { value } = await asker.ask(database.unprotected(), question)
    const moment: unknown = Reflect.get(Object(value), field)
    return moment instanceof Date ? moment.getTime() : undefined
  }
}
