import type { RowPlan } from '@zenstack-live/access'
import { LIMITS } from '@zenstack-live/protocol'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { AnswerClock } from '../src/queries/requery/answer-clock.ts'
import type { TimedRows } from '../src/queries/requery/timed-rows.ts'

const HOUR_MS = 60 * 60_000
/** What the database's clock says when ours begins. */
const NOW_MS = 1_700_000_000_000

type Moment = number | undefined

/** A table with one field of times, in ms from the beginning. @param ofAuth - the moments that `auth()` holds */
function start({
  moments = [],
  ofAuth = () => undefined,
  requeryNowMs = LIMITS.requeryNowMs,
}: { moments?: number[]; ofAuth?: (now: number) => Moment | 'ask-database'; requeryNowMs?: number } = {}) {
  const asked: number[] = []
  const database = { isUp: true }
  const ask = async (_: unknown, { args }: { args: { where: { at: { gte: Date; lte: Date } } } }): Promise<unknown> => {
    const { gte, lte } = args.where.at
    asked.push(gte.getTime() - NOW_MS)
    if (!database.isUp) throw new Error('It went away.')
    const next = moments.map((ms) => new Date(NOW_MS + ms)).find((moment) => moment >= gte && moment <= lte)
    return { value: next === undefined ? null : { at: next } }
  }
  const plan = { model: { name: 'Offer' }, timeFields: new Set(['at']), nextChange: (_: unknown, { now }: { now: number }) => ofAuth(now) }
  const rung: number[] = []
  /** @param lateMs - how old the answer is when it comes */
  const answered = (lateMs = 0): void => clock.set({ databaseMs: NOW_MS + performance.now() - lateMs, localMs: performance.now() - lateMs })
  const late: number[] = []
  const create = (timedRows: readonly TimedRows[] | undefined): AnswerClock =>
    new AnswerClock({
      context: { asker: { ask }, database: { unprotected: () => ({}) }, limits: { ...LIMITS, requeryNowMs } } as never,
      timedRows,
      auth: null,
      onTime() {
        rung.push(performance.now())
        answered(late.shift())
      },
    })
  let clock = create([{ plan: plan as unknown as RowPlan, where: undefined }])
  return {
    rung,
    asked,
    database,
    answered,
    late,
    stop: () => clock.stop(),
    knowNothing: () => (clock = create(undefined)),
  }
}

describe('the clock of an answer', () => {
  beforeEach(() => void vi.useFakeTimers({ now: 0 }))
  afterEach(() => void vi.useRealTimers())
  const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)

  it('rings when the next moment has come, not before it, and not by itself', async () => {
    const { rung, asked, answered } = start({ moments: [-5, HOUR_MS] })
    answered()
    await pass(HOUR_MS - 1)
    expect([rung, asked]).toEqual([[], [0]])
    await pass(10)
    expect(rung).toHaveLength(1)
    await pass(HOUR_MS)
    expect([rung.length, asked.length]).toEqual([1, 2])
  })

  it('rings again at once for a moment that the answer did not see: the question was on its way', async () => {
    const { rung, answered, late } = start({ moments: [HOUR_MS] })
    late.push(20)
    answered()
    await pass(HOUR_MS + 20)
    expect(rung).toHaveLength(2)
    await pass(HOUR_MS)
    expect(rung).toHaveLength(2)
  })

  it('rings once in requeryNowMs, or in a second where that is longer, where moments come closer together', async () => {
    const { rung, answered } = start({ moments: Array.from({ length: 100 }, (_, index) => HOUR_MS + index * 100) })
    answered()
    await pass(HOUR_MS + 100)
    expect(rung).toHaveLength(1)
    await pass(LIMITS.requeryNowMs - 100)
    expect(rung).toHaveLength(1)
    await pass(100)
    expect(rung).toHaveLength(2)
    const seldom = start({ moments: [2 * HOUR_MS, 2 * HOUR_MS + 100], requeryNowMs: HOUR_MS })
    seldom.answered()
    await pass(HOUR_MS)
    expect(seldom.rung).toHaveLength(2)
  })

  it('rings for a moment that only auth() knows', async () => {
    const until = NOW_MS + 2 * HOUR_MS
    const { rung, answered } = start({ moments: [3 * HOUR_MS], ofAuth: (now) => (now <= until ? until : undefined) })
    answered()
    await pass(2 * HOUR_MS + 10)
    expect(rung).toHaveLength(1)
  })

  it('rings every requeryNowMs where nobody knows the moments, and while the database does not say', async () => {
    const unknown = start()
    unknown.knowNothing()
    const unfit = start({ ofAuth: () => 'ask-database' })
    const down = start({ moments: [HOUR_MS] })
    down.database.isUp = false
    for (const one of [unknown, unfit, down]) one.answered()
    await pass(LIMITS.requeryNowMs - 1)
    expect([unknown, unfit, down].map(({ rung }) => rung.length)).toEqual([0, 0, 0])
    await pass(1)
    expect([unknown, unfit, down].map(({ rung }) => rung.length)).toEqual([1, 1, 1])
    await pass(LIMITS.requeryNowMs * 5)
    expect([unknown, unfit, down].map(({ rung }) => rung.length)).toEqual([6, 6, 6])
    down.database.isUp = true
    await pass(LIMITS.requeryNowMs * 2)
    expect(down.rung.length).toBeLessThanOrEqual(7)
  })

  it('looks again after a day, and waits for no moment that never comes', async () => {
    const { rung, answered } = start({ moments: [100 * 24 * HOUR_MS] })
    answered()
    await pass(23 * HOUR_MS)
    expect(rung).toHaveLength(0)
    await pass(2 * HOUR_MS)
    expect(rung).toHaveLength(1)
  })

  it('rings for the newest answer only, and no more when it is stopped', async () => {
    const { rung, answered, stop } = start({ moments: [HOUR_MS] })
    answered()
    answered()
    await pass(HOUR_MS + 10)
    expect(rung).toHaveLength(1)
    answered()
    stop()
    await pass(48 * HOUR_MS)
    expect([rung.length, vi.getTimerCount()]).toEqual([1, 0])
  })
})
