import { openRedisLog, type ChangeLog } from '@zenstack-live/change-log'
import { errorCodeOf } from '@zenstack-live/protocol'
import { startRedis, type RedisServer } from '@zenstack-live/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { StreamGap } from '../src/index.ts'
import { noteEntries } from './support/note-entries.ts'
import { noteStreams } from './support/note-streams.ts'

const PATIENCE = { timeout: 60_000, interval: 10 }
const OPTIONS = { model: 'Note', id: 'mail', leaseMs: 400, created: {} } as const

let redis: RedisServer
let log: ChangeLog
const open: { close(): Promise<void> }[] = []

beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())
beforeEach(async () => {
  log = await openRedisLog({ url: redis.url })
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()))
  await log.close()
  await emptied()
})

/** Without persistence it comes back with nothing. */
async function emptied(): Promise<void> {
  await redis.kill()
  await redis.start()
}

/** As a capture does that begins. */
async function append(...notes: Parameters<typeof noteEntries>): Promise<void> {
  const capture = await openRedisLog({ url: redis.url })
  await capture.append(noteEntries(...notes))
  await capture.close()
}

interface Process {
  told: (number | string)[]
  gaps: StreamGap[]
  ended: Promise<void>
  /** How often it was told whether the id is free. */
  looks(): number
  /** As if it were killed: it says no more to Redis. */
  kill(): Promise<void>
}

async function start({ takesCare = true, standbyPollMs = 20 } = {}): Promise<Process> {
  const own = await openRedisLog({ url: redis.url })
  const acquire = vi.spyOn(own.readers, 'acquire')
  const streams = noteStreams(own, { standbyPollMs, drainMs: 1 })
  const told: Process['told'] = []
  const gaps: StreamGap[] = []
  const onGap = (gap: StreamGap): void => {
    gaps.push(gap)
    told.push(gap.reason)
  }
  const handle = streams.handle({ ...OPTIONS, ...(takesCare ? { onGap } : {}) }, ({ created }) => void told.push(created.rank))
  handle.ended.catch(() => undefined)
  open.push({
    async close() {
      await streams.close()
      await own.close()
    },
  })
  const looks = (): number => acquire.mock.settledResults.filter(({ type }) => type === 'fulfilled').length
  return { told, gaps, ended: handle.ended, looks, kill: () => own.close() }
}

async function isOwned(): Promise<void> {
  await vi.waitFor(
    async () => expect((await log.readers.list()).find(({ id }) => id === 'mail')).toMatchObject({ owner: expect.any(String) }),
    PATIENCE,
  )
}

describe('a log that comes back empty', () => {
  it('is a gap to the process that reads it, whoever notices first', async () => {
    const { told, gaps } = await start()
    await isOwned()
    for (const round of [0, 1, 2]) {
      await append(3, 10 * round)
      await vi.waitFor(() => expect(told.at(-1)).toBe(10 * round + 2), PATIENCE)
      await emptied()
      await vi.waitFor(() => expect(gaps).toHaveLength(round + 1), PATIENCE)
    }
    expect(gaps.map(({ reason }) => reason)).toEqual(['lost', 'lost', 'lost'])
    expect(told.filter((each) => typeof each === 'number')).toEqual([0, 1, 2, 10, 11, 12, 20, 21, 22])
  })

  it('is a gap to a process that stood by when the one that read it is gone', async () => {
    const first = await start()
    await isOwned()
    await append(3)
    await vi.waitFor(() => expect(first.told).toEqual([0, 1, 2]), PATIENCE)
    const second = await start({ standbyPollMs: 50 })
    // It has to have seen whom it stands by for, and that one's place.
    await vi.waitFor(async () => expect((await log.readers.list()).find(({ id }) => id === 'mail')?.state).toContain('log'), PATIENCE)
    const looks = second.looks()
    // The next may have begun before.
    await vi.waitFor(() => expect(second.looks()).toBeGreaterThanOrEqual(looks + 2), PATIENCE)
    await first.kill()
    await emptied()
    await append(3, 10)
    await vi.waitFor(() => expect(second.told).toEqual(['lost', 10, 11, 12]), PATIENCE)
    // It is told once: who takes over from here has missed nothing.
    const third = await start()
    await second.kill()
    await append(1, 13)
    await vi.waitFor(() => expect(third.told).toContain(13), PATIENCE)
    expect(third.gaps).toEqual([])
  })

  it('is a gap to who knows the id, though another one that does not know it was there first', async () => {
    const first = await start({ standbyPollMs: 10_000 })
    await isOwned()
    await append(3)
    await vi.waitFor(() => expect(first.told).toEqual([0, 1, 2]), PATIENCE)
    await redis.kill()
    await redis.start()
    const lease = await vi.waitFor(async () => {
      const taken = await log.readers.acquire('mail', { owner: 'knows nothing', leaseMs: 60_000 })
      if ('heldByOwner' in taken) throw new Error('held')
      return taken
    }, PATIENCE)
    await append(3, 10)
    await vi.waitFor(() => expect(first.told).toEqual([0, 1, 2, 'lost', 10, 11, 12]), PATIENCE)
    await expect(log.readers.save(lease, {})).rejects.toMatchObject({ code: 'reader_fenced' })
  })

  it('ends a stream that takes no care of gaps, and the next one too, in whatever process', async () => {
    const first = await start({ takesCare: false })
    await isOwned()
    await append(3)
    await vi.waitFor(() => expect(first.told).toEqual([0, 1, 2]), PATIENCE)
    await emptied()
    expect(errorCodeOf(await first.ended.catch((error: unknown) => error))).toBe('stream_gap')
    await append(3, 10)
    const second = await start({ takesCare: false })
    expect(errorCodeOf(await second.ended.catch((error: unknown) => error))).toBe('stream_gap')
    const third = await start()
    await vi.waitFor(() => expect(third.told).toEqual(['lost', 10, 11, 12]), PATIENCE)
  })
})
