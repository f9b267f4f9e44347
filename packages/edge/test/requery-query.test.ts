import { LIMITS, LiveError, type EntryId, type Limits, type Lsn } from '@zenstack-live/protocol'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ALL_GUARDS } from '../src/guards.ts'
import type { DatabaseAnswer } from '../src/database/asker.ts'
import type { EdgeContext } from '../src/edge-context.ts'
import type { Reader } from '../src/queries/live-query.ts'
import { createMetrics, type Metrics } from '../src/operations/metrics.ts'
import { parsePgSnapshot } from '../src/database/pg-snapshot.ts'
import type { PlannedQuery } from '../src/queries/plan-query.ts'
import { RequeryQuery } from '../src/queries/requery/requery-query.ts'
import type { Transaction } from '../src/log/transaction.ts'

const HEAD = { entry: '1-1' as EntryId, lsn: 1n as Lsn }
const COUNTED: DatabaseAnswer = { value: 7, snapshot: parsePgSnapshot('10:10:'), horizon: 1n as Lsn, time: { databaseMs: 0, localMs: 0 } }

describe('a query that is asked again', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('is asked until the database answers again', async () => {
    const { query, questions } = await opened()
    query.onTransaction(change(10), [], false)
    await vi.advanceTimersByTimeAsync(LIMITS.requeryTrailingMs)
    questions.at(-1)?.reject(new LiveError('database_unavailable', 'It went away.'))
    await vi.advanceTimersByTimeAsync(60_000)
    expect(questions).toHaveLength(3)
  })

  it('waits for more causes for requeryTrailingMs after it was asked, and no longer', async () => {
    const { query, questions } = await opened()
    query.onTransaction(change(10), [], false)
    query.onTransaction(change(11), [], false)
    await vi.advanceTimersByTimeAsync(LIMITS.requeryTrailingMs - 1)
    expect(questions).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(questions).toHaveLength(2)
  })

  it('measures from the oldest commit that an answer shows', async () => {
    const { query, questions, metrics } = await opened()
    const startedMs = Date.now()
    query.onTransaction({ ...change(10), committedAtMs: startedMs - 300 }, [], false)
    query.onTransaction({ ...change(11), committedAtMs: startedMs - 100 }, [], false)
    await vi.advanceTimersByTimeAsync(LIMITS.requeryTrailingMs)
    questions[1]?.resolve({ ...COUNTED, snapshot: parsePgSnapshot('12:12:') })
    await vi.advanceTimersByTimeAsync(0)
    expect(metrics.commitToAnswerSeconds.sumSeconds).toBeCloseTo((300 + LIMITS.requeryTrailingMs) / 1000)
  })

  it('is asked no more when its last reader left while a question was on its way, whatever becomes of that', async () => {
    const { query, reader, questions, onDeserted } = await opened()
    query.onTransaction(change(10), [], false)
    await vi.advanceTimersByTimeAsync(LIMITS.requeryTrailingMs)
    query.leave(reader)
    expect(onDeserted).toHaveBeenCalledOnce()
    questions.at(-1)?.reject(new LiveError('database_unavailable', 'The pool was closed.'))
    await vi.advanceTimersByTimeAsync(60_000)
    expect([questions.length, vi.getTimerCount()]).toEqual([2, 0])
  })

  it('says nothing of going on to a reader that began anew meanwhile', async () => {
    const { query, reader, questions, log } = await opened()
    const told: string[] = []
    const back: Reader = {
      ...reader,
      isFlowing: false,
      reset: () => told.push('reset'),
      push: () => told.push('snapshot'),
      ready: () => told.push('ready'),
    }
    query.resume(back, { scope: 's', entry: HEAD.entry, horizon: 0n as Lsn, follows: 'another', order: '' }, HEAD)
    query.onReset('epoch')
    log.resolve()
    await vi.advanceTimersByTimeAsync(LIMITS.requeryTrailingMs)
    expect(told).toEqual(['reset'])
    questions.at(-1)?.resolve(COUNTED)
    await vi.advanceTimersByTimeAsync(0)
    expect(told).toEqual(['reset', 'snapshot', 'ready'])
  })

  // The database shows a commit before the log has it: whoever is given that is not told of it again.
  it.each([
    { whence: 'elsewhere', horizon: 2n, told: ['snapshot', 'ready'] },
    { whence: 'elsewhere', horizon: 1n, told: ['ready'] },
    { whence: 'here', horizon: 2n, told: ['snapshot', 'ready'] },
    { whence: 'here', horizon: 1n, told: ['ready'] },
  ])('gives a reader from $whence, at 1, what was asked at $horizon: $told', async ({ whence, horizon, told }) => {
    const { query, reader, log } = await opened({ ...COUNTED, horizon: horizon as Lsn })
    const heard: string[] = []
    const back: Reader = { ...reader, isFlowing: false, version: undefined, push: () => heard.push('snapshot'), ready: () => heard.push('ready') }
    query.resume(back, { scope: 's', entry: HEAD.entry, horizon: 0n as Lsn, follows: whence === 'here' ? query.id : 'another', order: '' }, HEAD)
    log.resolve()
    await vi.advanceTimersByTimeAsync(0)
    // Who was elsewhere may hold more than this answer says, where nothing was given: the next one is given whole.
    expect([heard, back.version]).toEqual([told, whence === 'here' || heard.length > 1 ? 1 : undefined])
  })

  it('gives a reader from elsewhere the next answer whole, though for others nothing has changed', async () => {
    const { query, reader, questions, log } = await opened()
    const heard: string[] = []
    const told: string[] = []
    reader.push = () => told.push('change')
    const back: Reader = { ...reader, isFlowing: false, version: undefined, push: () => heard.push('snapshot'), ready: () => heard.push('ready') }
    query.resume(back, { scope: 's', entry: HEAD.entry, horizon: 0n as Lsn, follows: 'another', order: '' }, HEAD)
    log.resolve()
    await vi.advanceTimersByTimeAsync(0)
    query.onTransaction(change(10), [], false)
    await vi.advanceTimersByTimeAsync(LIMITS.requeryTrailingMs)
    questions[1]?.resolve({ ...COUNTED, snapshot: parsePgSnapshot('12:12:') })
    await vi.advanceTimersByTimeAsync(0)
    expect([heard, told, back.version]).toEqual([['ready', 'snapshot'], [], 2])
  })

  it('keeps asking for those who go on from elsewhere, though it has no answer of its own yet', async () => {
    const { query, reader, questions, log } = await opened()
    query.onReset('epoch')
    const fail = vi.fn()
    const back: Reader = { ...reader, isFlowing: false, version: undefined, fail }
    query.resume(back, { scope: 's', entry: HEAD.entry, horizon: 0n as Lsn, follows: 'another', order: '' }, HEAD)
    log.resolve()
    await vi.advanceTimersByTimeAsync(LIMITS.requeryTrailingMs)
    questions.at(-1)?.reject(new LiveError('database_unavailable', 'It went away.'))
    await vi.advanceTimersByTimeAsync(60_000)
    expect([fail.mock.calls, questions.length > 2]).toEqual([[], true])
  })

  it('is asked for a transaction behind what was shown, though its id came round', async () => {
    const { query, questions } = await opened()
    query.onTransaction({ ...change(2 ** 31 + 100), place: { entry: '2-1' as EntryId, lsn: 2n as Lsn } }, [], false)
    await vi.advanceTimersByTimeAsync(LIMITS.requeryTrailingMs)
    expect(questions).toHaveLength(2)
  })

  it('has room for an answer while all together hold no more rows than maxHeldRows', async () => {
    const limits = { ...LIMITS, maxHeldRows: 3 }
    const metrics = createMetrics()
    const groups = (count: number): DatabaseAnswer => ({ ...COUNTED, value: Array.from({ length: count }, () => ({})) })
    const codes: string[] = []
    const open = async (count: number): ReturnType<typeof opened> => {
      const one = await opened(groups(count), { limits, metrics, fail: ({ code }) => void codes.push(code) })
      return one
    }
    const [first] = [await open(1), await open(2)]
    expect([metrics.rowsHeldNow, codes]).toEqual([3, []])
    await open(1)
    expect([metrics.rowsHeldNow, codes]).toEqual([3, ['overloaded']])
    first.query.leave(first.reader)
    await open(1)
    expect([metrics.rowsHeldNow, codes]).toEqual([3, ['overloaded']])
  })

  it.each([
    { count: 3, told: [] },
    { count: 4, told: ['slow'] },
  ])('remembers maxPendingTransactions causes, here 3, and has to begin anew with $count where the log has let go of them: $told', async (row) => {
    const { query, reader, questions, memory } = await opened(COUNTED, { limits: { ...LIMITS, maxPendingTransactions: 3 } })
    const told: string[] = []
    reader.reset = (reason) => void told.push(reason)
    memory.reachesBack = false
    for (let number = 0; number < row.count; number++) query.onTransaction(change(10 + number), [], false)
    await vi.advanceTimersByTimeAsync(LIMITS.requeryTrailingMs)
    questions[1]?.resolve({ ...COUNTED, snapshot: parsePgSnapshot('20:20:') })
    await vi.advanceTimersByTimeAsync(0)
    expect([questions.length, told]).toEqual([2, row.told])
  })

  it('asks again for a reader that came on the way of an answer that cannot be for who it belongs to', async () => {
    const { query, reader, questions } = await opened()
    query.onTransaction(change(10), [], false)
    await vi.advanceTimersByTimeAsync(LIMITS.requeryTrailingMs)
    const pushed: unknown[] = []
    const newcomer: Reader = { ...reader, isFlowing: false, push: (block) => pushed.push(block), mayTake: ({ xmin }) => xmin > 11n }
    query.open(newcomer)
    questions[1]?.resolve({ ...COUNTED, snapshot: parsePgSnapshot('11:11:') })
    await vi.advanceTimersByTimeAsync(LIMITS.requeryTrailingMs)
    expect([questions.length, pushed]).toEqual([3, []])
    questions[2]?.resolve({ ...COUNTED, snapshot: parsePgSnapshot('12:12:') })
    await vi.advanceTimersByTimeAsync(0)
    expect(pushed).toHaveLength(1)
  })
})

interface Surroundings {
  limits?: Limits
  metrics?: Metrics
  fail?: Reader['fail']
}

/** A count with one reader, who has the first answer. */
async function opened(first = COUNTED, { limits = LIMITS, metrics = createMetrics(), fail = () => {} }: Surroundings = {}) {
  const questions: PromiseWithResolvers<DatabaseAnswer>[] = []
  const onDeserted = vi.fn()
  const log = Promise.withResolvers<void>()
  const memory = { reachesBack: true }
  const hub = {
    era: 0,
    history: { head: HEAD, firstUnseen: () => (memory.reachesBack ? undefined : HEAD), after: () => (memory.reachesBack ? [] : undefined) },
    passed: () => log.promise,
    since: async (_: EntryId, use: (missed: []) => void) => use([]),
  }
  // Only what it uses.
  const context = {
    hub,
    limits,
    metrics,
    guards: ALL_GUARDS,
    ask() {
      const question = Promise.withResolvers<DatabaseAnswer>()
      questions.push(question)
      return question.promise
    },
  } as unknown as EdgeContext
  const planned = { q: 'q', shape: 'value', tables: new Set(['public.Note']), readsNow: false } as unknown as PlannedQuery
  const query = new RequeryQuery({ context, planned, client: {} as never, auth: null, onDeserted })
  const reader: Reader = {
    q: planned.q,
    isFlowing: false,
    seen: undefined,
    mayBeAhead: false,
    version: undefined,
    mayTake: () => true,
    wasAnother: () => false,
    push: () => {},
    forgetSeen: () => {},
    reopen: () => {},
    ready: () => {},
    wait: () => {},
    reset: () => {},
    fail,
  }
  query.open(reader)
  questions[0]?.resolve(first)
  await vi.advanceTimersByTimeAsync(0)
  return { query, reader, questions, onDeserted, log, metrics, memory }
}

function change(xid: number): Transaction {
  const [tables, unknown] = [new Set(['public.Note']), new Map<string, never>()]
  return {
    place: { entry: '2-1' as EntryId, lsn: 2n as Lsn },
    before: HEAD,
    xid,
    tables,
    unknown,
    effects: [],
    bytes: 0,
    committedAtMs: 0,
    capturedAtMs: 0,
  }
}
