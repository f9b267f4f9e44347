import { LIMITS, type LiveProjectionReader } from '@zenstack-live/protocol'
import { afterEach, expect, it, vi } from 'vitest'
import { createKeys } from '../src/keys.ts'
import { Projections } from '../src/projections/projections.ts'

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

/** @returns one read of a projection whose state is `full` */
function reading({
  open,
  authorize = () => true,
  isOutdated = () => false,
}: {
  open: () => LiveProjectionReader
  authorize?: () => Promise<boolean> | boolean
  isOutdated?: () => boolean
}) {
  const context = {
    hub: { log: { identity: 'log', epoch: 1 }, listen: () => {} },
    identityChanges: { isOutdated, areTold: async () => true },
    keys: createKeys('a secret of sixteen bytes'),
    limits: LIMITS,
    logger: { warn: () => {} },
  }
  const projections = new Projections(context as never, {
    cart: { projection: { name: 'cart', version: 1, tables: [], open }, authorize },
  })
  const visitor = { settle: async () => ({ identity: { auth: {} }, askedAt: 1 }) }
  return (): Promise<Response> => {
    const wanted = { name: 'cart', id: 'c1', kind: 'read', lastEventId: undefined } as const
    return projections.answer({ wanted, visitor: visitor as never, node: undefined, door: {} as never })
  }
}

function readerOf(watch: LiveProjectionReader['watch'], close = async (): Promise<void> => {}): LiveProjectionReader {
  return { watch, wake: () => {}, close }
}

async function* full(): ReturnType<LiveProjectionReader['watch']> {
  yield { kind: 'snapshot', position: 1, state: 'full' }
}

it('closes what reads a projection when nobody watches any more, also where it could not be opened before', async () => {
  const close = vi.fn(async () => {})
  const reader = readerOf(full, close)
  const open = vi
    .fn(() => reader)
    .mockImplementationOnce(() => {
      throw new Error('away')
    })
  const read = reading({ open })
  await expect(read()).rejects.toThrow('away')
  expect(await (await read()).json()).toMatchObject({ data: 'full' })
  expect([open.mock.calls.length, close.mock.calls.length]).toEqual([2, 1])
})

it.each(['heeds its signal', 'does not'])(
  'reads a projection within databaseTimeoutMs, or says that the database did not answer, if it %s',
  async (how) => {
    vi.useFakeTimers()
    const slow: LiveProjectionReader['watch'] = async function* (_, { signal } = {}) {
      const isLeft = new Promise<void>((resolve) => how === 'heeds its signal' && signal?.addEventListener('abort', () => resolve()))
      await Promise.race([new Promise((resolve) => setTimeout(resolve, tookMs)), isLeft])
      if (signal?.aborted !== true) yield* full()
    }
    const read = reading({ open: () => readerOf(slow) })
    let tookMs = LIMITS.databaseTimeoutMs + 1
    const late = expect(read()).rejects.toMatchObject({ code: 'database_unavailable' })
    await vi.advanceTimersByTimeAsync(LIMITS.databaseTimeoutMs)
    await late
    tookMs = LIMITS.databaseTimeoutMs - 1
    const inTime = read()
    await vi.advanceTimersByTimeAsync(tookMs)
    expect(await (await inTime).json()).toMatchObject({ data: 'full' })
  },
)

it('takes no answer of authorize for identityTimeoutMs for a no, and one that comes before for what it is', async () => {
  vi.useFakeTimers()
  const answers: ((isAllowed: boolean) => void)[] = []
  const read = reading({ open: () => readerOf(full), authorize: () => new Promise((resolve) => answers.push(resolve)) })
  const outcomes: unknown[] = []
  for (const one of [read(), read()])
    one.then(
      ({ status }) => outcomes.push(status),
      ({ code }: { code: string }) => outcomes.push(code),
    )
  await vi.advanceTimersByTimeAsync(LIMITS.identityTimeoutMs - 1)
  answers[0]?.(true)
  await vi.advanceTimersByTimeAsync(0)
  expect(outcomes).toEqual([200])
  await vi.advanceTimersByTimeAsync(1)
  answers[1]?.(true)
  expect(outcomes).toEqual([200, 'forbidden'])
})

it('asks no longer than identityTimeoutMs who somebody is who is another each time, and takes one who is settled before', async () => {
  vi.useFakeTimers()
  let isSettled = false
  const authorize = (): Promise<boolean> => new Promise((resolve) => setTimeout(() => resolve(true), LIMITS.identityTimeoutMs / 3))
  const read = reading({ open: () => readerOf(full), authorize, isOutdated: () => !isSettled })
  const outcome = (): Promise<unknown> =>
    read().then(
      ({ status }) => status,
      ({ code }: { code: string }) => code,
    )
  const never = outcome()
  await vi.advanceTimersByTimeAsync(LIMITS.identityTimeoutMs * 2)
  expect(await never).toBe('overloaded')
  const late = outcome()
  await vi.advanceTimersByTimeAsync(LIMITS.identityTimeoutMs / 2)
  isSettled = true
  await vi.advanceTimersByTimeAsync(LIMITS.identityTimeoutMs)
  expect(await late).toBe(200)
})
