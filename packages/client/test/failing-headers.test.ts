import { CLIENT_LIMITS, createLiveClient, type LiveClientOptions } from '@zenstack-live/client'
import { createFakeEdge, type FakeEdge } from '@zenstack-live/testing/fake-edge'
import { schema } from '@zenstack-live/testing/workspace'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'

const FAILURE = new Error('The token could not be renewed.')

describe('headers that could not be had', () => {
  let edge: FakeEdge
  const told = vi.spyOn(console, 'error')
  const reported = vi.fn()

  beforeAll(() => import('../src/later.ts'))
  beforeEach(() => {
    vi.useFakeTimers()
    vi.stubGlobal('reportError', reported)
    told.mockReset().mockImplementation(() => {})
    edge = createFakeEdge()
  })
  afterEach(() => {
    vi.useRealTimers()
    vi.unstubAllGlobals()
    // In some runtimes it ends the process.
    expect(reported).not.toHaveBeenCalled()
  })

  const pass = async (ms = 10): Promise<void> => {
    await vi.advanceTimersByTimeAsync(ms)
  }
  const open = (headers: NonNullable<LiveClientOptions['headers']>) =>
    createLiveClient(schema, { endpoint: 'http://edge/live', fetch: edge.fetch, headers })

  it('are told once to whoever develops the page, until they can be had, and asked for again', async () => {
    const headers = vi
      .fn(async () => ({}))
      .mockRejectedValueOnce(FAILURE)
      .mockRejectedValueOnce(FAILURE)
    const live = open(headers)
    live.subscribe(live.task.findMany(), () => {})
    await pass()
    expect([edge.connections.length, headers.mock.calls.length, told.mock.calls]).toEqual([0, 1, [[expect.stringContaining('`headers`'), FAILURE]]])
    await pass(10 * CLIENT_LIMITS.minBackoffMs)
    expect([edge.connections.length, headers.mock.calls.length, told.mock.calls.length]).toEqual([1, 3, 1])
    headers.mockRejectedValueOnce(FAILURE)
    edge.connections.at(-1)?.end()
    await pass(CLIENT_LIMITS.maxBackoffMs)
    expect([edge.connections.length, told.mock.calls.length]).toEqual([2, 2])
    live.$close()
  })

  it('are told to who reads or writes by the error alone, and to nobody who has left', async () => {
    const failing: ((error: Error) => void)[] = []
    const live = open(() => new Promise((_, reject) => failing.push(reject)))
    const writing = live.fetch('http://edge/model/task/create', { method: 'POST' })
    await pass()
    failing.at(-1)?.(FAILURE)
    await expect(writing).rejects.toThrow(FAILURE.message)
    live.subscribe(live.task.findMany(), () => {})
    await pass()
    live.$close()
    failing.at(-1)?.(FAILURE)
    await pass()
    expect([failing.length, told.mock.calls]).toEqual([2, []])
  })
})
