import { CLIENT_LIMITS, type LiveQuery } from '@zenstack-live/client'
import type { LiveStore } from '@zenstack-live/client/internal'
import { parseLsn } from '@zenstack-live/protocol'
import { createFakeEdge, type FakeConnection, type FakeEdge } from '@zenstack-live/testing/fake-edge'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { LaterCode } from '../src/load-later.ts'
import { NOTES, openPage, NOT_FETCHED, pass, snapshot, storeOn, TASKS } from './support/late-page.ts'

/* Up to the last millisecond nothing happens, with it at once. The dice of the store always say 0.5. */
const later = await import('../src/later.ts')

const SPACES: LiveQuery<unknown> = { model: 'Space', operation: 'findMany', args: undefined }

let edge: FakeEdge
beforeEach(() => {
  vi.useFakeTimers()
  edge = createFakeEdge()
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

const newest = (): FakeConnection => {
  const connection = edge.connections.at(-1)
  if (connection === undefined) throw new Error('Nothing was opened.')
  return connection
}

/** A store with one query, whose stream was just opened. */
async function opening(): Promise<LiveStore> {
  const store = storeOn(edge, async () => later)
  store.watch(TASKS)
  await pass(CLIENT_LIMITS.gatherMs)
  return store
}

/** The same, whose stream is caught up. */
async function live(): Promise<LiveStore> {
  const store = await opening()
  for (const q of newest().ids) newest().send(...snapshot(q, 5, [{ id: 'a' }]))
  newest().endBatch(5)
  await pass()
  return store
}

describe('queries', () => {
  it.each<[string, () => Promise<LaterCode>]>([
    ['while the later code loads', () => new Promise(() => {})],
    ['when it is there', async () => later],
  ])('share one opening with those that begin within gatherMs, %s', async (_, load) => {
    const store = storeOn(edge, load)
    store.watch(TASKS)
    await pass(CLIENT_LIMITS.gatherMs - 1)
    expect(edge.connections).toHaveLength(0)
    store.watch(NOTES)
    await pass(1)
    store.watch(SPACES)
    expect(edge.connections.map(({ ids }) => ids.length)).toEqual([2])
  })

  it('that come to a running stream are asked for when none has come for changeDelayMs', async () => {
    const store = await live()
    store.watch(NOTES)
    await pass(CLIENT_LIMITS.changeDelayMs - 1)
    store.watch(SPACES)
    await pass(CLIENT_LIMITS.changeDelayMs - 1)
    expect(edge.connections).toHaveLength(1)
    await pass(1)
    expect(edge.connections.map(({ ids }) => ids.length)).toEqual([1, 3])
  })

  it('that nobody watches stay open for lingerMs', async () => {
    const store = storeOn(edge, async () => later)
    const release = store.watch(TASKS)
    await pass(CLIENT_LIMITS.gatherMs)
    release()
    await pass(CLIENT_LIMITS.lingerMs - 1)
    expect(newest().isClosed).toBe(false)
    await pass(1)
    expect(newest().isClosed).toBe(true)
  })

  it('that are refused for now are asked for again after queryRetryMs', async () => {
    await opening()
    newest().send(...newest().ids.map((q) => ({ event: 'error', q, code: 'database_unavailable', message: '' }) as const))
    await pass(CLIENT_LIMITS.queryRetryMs + CLIENT_LIMITS.gatherMs - 1)
    expect(edge.connections).toHaveLength(1)
    await pass(1)
    expect(edge.connections).toHaveLength(2)
  })
})

describe('a stream', () => {
  it('that brings nothing is given up after openTimeoutMs', async () => {
    await opening()
    newest().accept()
    await pass(CLIENT_LIMITS.openTimeoutMs - 1)
    expect(newest().isClosed).toBe(false)
    await pass(1)
    expect(newest().isClosed).toBe(true)
  })

  it('that is caught up is given up when it was silent for silenceMs, and another one opened', async () => {
    await live()
    await pass(CLIENT_LIMITS.silenceMs - 1)
    expect(newest().isClosed).toBe(false)
    newest().endBatch(5)
    await pass(CLIENT_LIMITS.silenceMs - 1)
    expect(newest().isClosed).toBe(false)
    await pass(1)
    expect(newest().isClosed).toBe(true)
    await pass(CLIENT_LIMITS.minBackoffMs / 2)
    expect(edge.connections).toHaveLength(2)
  })

  it('that could not be had is asked for again after up to minBackoffMs', async () => {
    await opening()
    newest().cut()
    await pass(CLIENT_LIMITS.minBackoffMs / 2 - 1)
    expect(edge.connections).toHaveLength(1)
    await pass(1)
    expect(edge.connections).toHaveLength(2)
  })

  it('that does not come through gives way to asking every pollIntervalMs', async () => {
    await opening()
    for (let silence = 1; silence <= CLIENT_LIMITS.silencesBeforePolling; silence++) {
      newest().accept()
      await pass(CLIENT_LIMITS.openTimeoutMs)
      if (silence < CLIENT_LIMITS.silencesBeforePolling) await pass(CLIENT_LIMITS.minBackoffMs / 2)
    }
    edge.reads[0]?.respond({ data: [] })
    await pass()
    await pass(CLIENT_LIMITS.pollIntervalMs - 1)
    expect(edge.reads).toHaveLength(1)
    await pass(1)
    expect(edge.reads).toHaveLength(2)
  })
})

it('a write waits for the stream to pass its commit, and for ownWriteMs at the most', async () => {
  const store = await live()
  const told: unknown[] = []
  // In the write-ahead log, at 99 and at 100.
  for (const lsn of ['0/63', '0/64']) void store.whenPassed(parseLsn(lsn)).then((hasPassed) => told.push([lsn, hasPassed]))
  await pass(CLIENT_LIMITS.ownWriteMs - 1)
  expect(told).toEqual([])
  newest().endBatch(99)
  await pass()
  expect(told).toEqual([['0/63', true]])
  await pass(1)
  expect(told).toEqual([
    ['0/63', true],
    ['0/64', false],
  ])
})

it('the later code fails to load codeTries times before a query says so', async () => {
  const { loads, told } = await openPage()
  for (let tries = 1; tries <= CLIENT_LIMITS.codeTries; tries++) {
    expect(told).toEqual([])
    loads.at(-1)?.reject(NOT_FETCHED)
    await pass(CLIENT_LIMITS.minBackoffMs * 2 ** tries)
  }
  expect(told).toMatchObject([{ status: 'error', error: { code: 'client_incomplete' } }])
})
