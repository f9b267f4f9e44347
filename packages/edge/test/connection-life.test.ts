import { LIMITS, LiveError } from '@zenstack-live/protocol'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { ConnectionLife, tickMs, type Living } from '../src/streams/connection-life.ts'
import type { EdgeContext } from '../src/edge-context.ts'
import type { Identity } from '../src/identity/identity.ts'
import { createMetrics } from '../src/operations/metrics.ts'

const LIMIT_MS = { maxStallMs: 1_000, identityMaxAgeMs: 20_000, heartbeatIntervalMs: 5_000, maxConnectionAgeMs: 100_000 }

/** A stream that notes what its life does to it. */
function createStream(answers: (() => Promise<'same-identity' | 'other-identity'>)[] = [], expiresAtMs?: number, outdated: boolean[] = []) {
  const done: string[] = []
  const said: string[] = []
  const metrics = createMetrics()
  const sink = { write: () => true, waitingMark: 0, end: () => void done.push('end'), destroy: () => void done.push('destroy') }
  const of: Living<'same-identity' | 'other-identity'> = {
    // Only what a life reads of it.
    context: { limits: { ...LIMITS, ...LIMIT_MS }, metrics, logger: { warn: () => {}, error: () => {} } } as unknown as EdgeContext,
    sink,
    identity: { auth: { id: 'bob' }, authKey: 'bob' } as unknown as Identity,
    expiresAtMs,
    identify: () => answers.shift()?.() ?? Promise.resolve('same-identity'),
    isOutdated: () => outdated.shift() ?? false,
    settle: (answer) => answer,
    act: (action) => void done.push(action),
    sayLast: (blocks) => void said.push(blocks.join('')),
    beat: () => void done.push('beat'),
    onClosed: () => void done.push('closed'),
  }
  return { life: new ConnectionLife(of), of, done, said, metrics, sink }
}

describe('the life of a stream', () => {
  let nowMs = 0
  beforeEach(() => {
    nowMs = performance.now()
  })

  it('cuts a reader that takes nothing for maxStallMs, and none that takes something', () => {
    const { life, done, metrics, sink } = createStream()
    sink.waitingMark = 500
    life.dispatch('full')
    expect([done, metrics.connectionsStalledNow]).toEqual([['hold'], 1])
    sink.waitingMark = 400
    life.tick(nowMs + 1_500)
    life.tick(nowMs + 2_400)
    expect(life.isStalled).toBe(true)
    life.tick(nowMs + 2_600)
    expect([done.slice(1), life.isClosed, metrics.connectionsStalledNow, metrics.slowReadersCut]).toEqual([['destroy', 'closed'], true, 0, 1])
  })

  it('cuts a reader that took something, was filled again by what it had missed, and takes nothing more', () => {
    const { life, of, done, metrics, sink } = createStream()
    sink.waitingMark = 500
    life.dispatch('full')
    of.act = (action) => {
      done.push(action)
      if (action === 'release') life.dispatch('full')
    }
    life.dispatch('drained')
    expect([done, metrics.connectionsStalledNow]).toEqual([['hold', 'release', 'hold'], 1])
    life.tick(performance.now() + 1_001)
    expect([life.isClosed, metrics.connectionsStalledNow, metrics.slowReadersCut]).toEqual([true, 0, 1])
  })

  it('says when to come back and why it ends, at the end of its age', () => {
    const { life, done, said } = createStream()
    // Less up to a tenth, so that not all come back at one moment.
    life.tick(nowMs + 89_999)
    expect(life.isClosed).toBe(false)
    life.tick(performance.now() + 100_001)
    expect(done.slice(-2)).toEqual(['end', 'closed'])
    expect(said).toEqual([expect.stringMatching(/^retry: \d+\n\nevent: bye\ndata: {"reason":"age"}\n\n$/)])
  })

  it('beats when it has been quiet', () => {
    const { life, done } = createStream()
    life.tick(nowMs)
    life.tick(nowMs + 4_000)
    life.wrote()
    life.tick(nowMs + 6_000)
    life.tick(nowMs + 10_999)
    expect(done).toEqual([])
    life.tick(nowMs + 11_001)
    expect(done).toEqual(['beat'])
  })

  it('believes only the latest answer about whose it is', async () => {
    let answerFirst: (value: 'same-identity') => void = () => {}
    const first = new Promise<'same-identity'>((resolve) => (answerFirst = resolve))
    const { life, done, metrics } = createStream([() => first, async () => 'other-identity'])
    life.doubt()
    life.doubt()
    await vi.waitFor(() => expect(done).toEqual(['hold', 'reopen']))
    answerFirst('same-identity')
    await first
    expect([done, metrics.revocationSeconds.counts.reduce((sum, one) => sum + one), metrics.identityChecks]).toEqual([['hold', 'reopen'], 1, 2])
  })

  it('asks again when an answer is no longer good as it comes', async () => {
    const { life, done, metrics } = createStream([async () => 'same-identity', async () => 'other-identity'], undefined, [true])
    life.doubt()
    await vi.waitFor(() => expect(done).toEqual(['hold', 'reopen']))
    expect(metrics.identityChecks).toBe(2)
  })

  it('ends with auth-expired when nobody is there any more, and comes back where nobody can tell', async () => {
    const gone = createStream([() => Promise.reject(new LiveError('unauthenticated', 'Nobody.'))])
    gone.life.doubt()
    await vi.waitFor(() => expect(gone.done).toEqual(['hold', 'end', 'closed']))
    expect(gone.said.join()).toContain('event: auth-expired')
    const untold = createStream([() => Promise.reject(new LiveError('database_unavailable', 'No answer.'))])
    untold.life.doubt()
    await vi.waitFor(() => expect(untold.life.isClosed).toBe(true))
    expect(untold.said.join()).toContain('{"reason":"overloaded"}')
  })

  it('asks whose it is when that was asked identityMaxAgeMs ago, and not before', () => {
    const { life, metrics } = createStream()
    life.tick(nowMs + 19_999)
    expect(metrics.identityChecks).toBe(0)
    life.tick(performance.now() + 20_001)
    expect(metrics.identityChecks).toBe(1)
  })

  it('asks one question after the other as time goes by: an answer that takes longer than identityMaxAgeMs still counts', async () => {
    const { promise, resolve } = Promise.withResolvers<'other-identity'>()
    const { life, done, metrics } = createStream([() => promise])
    life.tick(nowMs + 21_000)
    life.tick(nowMs + 42_000)
    expect(metrics.identityChecks).toBe(1)
    resolve('other-identity')
    await vi.waitFor(() => expect(done).toContain('reopen'))
    life.tick(nowMs + 63_000)
    expect(metrics.identityChecks).toBe(2)
  })

  it('ends with auth-expired when its ticket does, and not before', () => {
    const { life, done, said } = createStream([], Date.now() + 60_000)
    life.tick(nowMs + 59_000)
    expect(life.isClosed).toBe(false)
    life.tick(nowMs + 61_000)
    expect([done, said]).toEqual([['end', 'closed'], [expect.stringContaining('event: auth-expired')]])
    const slow = createStream([], Date.now() + 60_000)
    slow.life.dispatch('full')
    slow.life.tick(nowMs + 61_000)
    expect([slow.done, slow.said]).toEqual([['hold', 'destroy', 'closed'], []])
  })

  it('is looked at often enough for the shortest of its times, and no more than that', () => {
    expect([tickMs({ ...LIMITS, maxStallMs: 80 }), tickMs({ ...LIMITS, maxStallMs: 1_600 }), tickMs(LIMITS)]).toEqual([25, 200, 1_000])
  })
})
