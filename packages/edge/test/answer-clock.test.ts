import type { RowPlan } from '@zenstack-live/access'
import { LIMITS } from '@zenstack-live/protocol'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { AnswerClock } from '../src/queries/requery/answer-clock.ts'
import { createNextMoments } from '../src/queries/requery/next-moments.ts'
import type { TimedRows } from '../src/queries/requery/timed-rows.ts'

const MINUTE_MS = 60_000
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
  const database = { isUp: true, isReady: Promise.resolve() }
  const ask = async (_: unknown, { args }: { args: { where: { at: { gte: Date; lte: Date } } } }): Promise<unknown> => {
    const { gte, lte } = args.where.at
    asked.push(gte.getTime() - NOW_MS)
    await database.isReady
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
      context: {
        moments: createNextMoments({ asker: { ask }, database: { unprotected: () => ({}) } } as never),
        limits: { ...LIMITS, requeryNowMs },
      },
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
    const { rung, asked, answered } = start({ moments: [-5, MINUTE_MS] })
    answered()
    await pass(MINUTE_MS - 1)
    expect([rung, asked]).toEqual([[], [0]])
    await pass(10)
    expect(rung).toHaveLength(1)
    await pass(MINUTE_MS)
    expect([rung.length, asked.length]).toEqual([1, 2])
  })

  it('rings again at once for a moment that the answer did not see: the question was on its way', async () => {
    const { rung, answered, late } = start({ moments: [MINUTE_MS] })
    late.push(20)
    answered()
    await pass(MINUTE_MS + 20)
    expect(rung).toHaveLength(2)
    await pass(MINUTE_MS)
    expect(rung).toHaveLength(2)
  })

  it('rings once in requeryNowMs, or in a second where that is longer, where moments come closer together', async () => {
    const { rung, answered } = start({ moments: Array.from({ length: 100 }, (_, index) => MINUTE_MS + index * 100) })
    answered()
    await pass(MINUTE_MS + 100)
    expect(rung).toHaveLength(1)
    await pass(LIMITS.requeryNowMs - 100)
    expect(rung).toHaveLength(1)
    await pass(100)
    expect(rung).toHaveLength(2)
    const seldom = start({ moments: [2 * MINUTE_MS, 2 * MINUTE_MS + 100], requeryNowMs: MINUTE_MS })
    seldom.answered()
    await pass(MINUTE_MS)
    expect(seldom.rung).toHaveLength(2)
  })

  it('rings once in requeryNowMs where that is shorter than a second', async () => {
    const { rung, answered } = start({ moments: Array.from({ length: 100 }, (_, index) => MINUTE_MS + index * 10), requeryNowMs: 400 })
    answered()
    await pass(MINUTE_MS + 390)
    expect(rung).toHaveLength(1)
    await pass(20)
    expect(rung).toHaveLength(2)
  })

  it('rings for a moment that only auth() knows', async () => {
    const until = NOW_MS + 2 * MINUTE_MS
    const { rung, answered } = start({ moments: [3 * MINUTE_MS], ofAuth: (now) => (now <= until ? until : undefined) })
    answered()
    await pass(2 * MINUTE_MS + 10)
    expect(rung).toHaveLength(1)
  })

  it('rings every requeryNowMs where nobody knows the moments, and while the database does not say', async () => {
    const unknown = start()
    unknown.knowNothing()
    const unfit = start({ ofAuth: () => 'ask-database' })
    const down = start({ moments: [MINUTE_MS] })
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

  it('looks again after ten minutes, whatever the clocks did meanwhile', async () => {
    const { rung, answered } = start({ moments: [100 * MINUTE_MS] })
    answered()
    await pass(9 * MINUTE_MS)
    expect(rung).toHaveLength(0)
    await pass(2 * MINUTE_MS)
    expect(rung).toHaveLength(1)
  })

  it('has one question on its way, however fast answers come, and asks anew for the newest', async () => {
    const moments = [3 * MINUTE_MS]
    const { rung, asked, database, answered } = start({ moments })
    const { promise, resolve } = Promise.withResolvers<void>()
    database.isReady = promise
    for (let answer = 0; answer < 100; answer++) {
      answered()
      await pass(10)
    }
    expect(asked).toEqual([0])
    // Written before the newest answer, after the question was put.
    moments.unshift(2 * MINUTE_MS)
    resolve()
    await pass(2 * MINUTE_MS)
    expect([asked.slice(0, 2), rung.length]).toEqual([[0, 990], 1])
  })

  it('rings for the newest answer only, and no more when it is stopped', async () => {
    const { rung, answered, stop } = start({ moments: [MINUTE_MS] })
    answered()
    answered()
    await pass(MINUTE_MS + 10)
    expect(rung).toHaveLength(1)
    answered()
    stop()
    await pass(100 * MINUTE_MS)
    expect([rung.length, vi.getTimerCount()]).toEqual([1, 0])
  })
})
