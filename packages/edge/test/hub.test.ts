import type { ChangeLog } from '@zenstack-live/change-log'
import { FIRST_ENTRY_ID, LIMITS, makeEntryId, parseLsn, type Limits } from '@zenstack-live/protocol'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Hub, type HubListener } from '../src/log/hub.ts'
import { change, FakeLog, lsnOf, type TestLog } from './support/fake-log.ts'

describe('the hub', () => {
  it('tells those who wait for a place that it was closed, and leaves no timer behind', async () => {
    const hub = await openHub()
    const timers = countTimers()
    const waiting = [hub.passed(parseLsn('0/10')), hub.passed(parseLsn('0/20'))].map((one) => one.catch((error: unknown) => error))
    expect(countTimers()).toBe(timers + 2)
    await hub.close()
    waiting.push(hub.passed(parseLsn('0/30')).catch((error: unknown) => error))
    for (const error of await Promise.all(waiting)) expect(error).toMatchObject({ code: 'log_unavailable' })
    expect(countTimers()).toBe(timers)
  })

  it('tells them so, too, when the log does not come there within databaseTimeoutMs', async () => {
    const hub = await openHub()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    let outcome: unknown = 'waits'
    void hub.passed(parseLsn('0/10')).catch((error: unknown) => (outcome = error))
    await vi.advanceTimersByTimeAsync(LIMITS.databaseTimeoutMs - 1)
    expect(outcome).toBe('waits')
    await vi.advanceTimersByTimeAsync(1)
    expect(outcome).toMatchObject({ code: 'log_unavailable' })
    vi.useRealTimers()
    await hub.close()
  })
})

describe('the hub, when it begins within the log', () => {
  it('knows the first transaction behind that place for a whole one', async () => {
    const log = new FakeLog([change(1, 1), change(2, 1)])
    log.positionAt = async () => makeEntryId(1, lsnOf(1), 1)
    const told: string[] = []
    const hub = await openHub(log)
    hub.listen(listenerOf(told))
    expect(hub.history.after(makeEntryId(1, lsnOf(1), 1))?.map(({ xid }) => xid)).toEqual([2])
    log.append(change(3, 1))
    await log.isFollowed()
    expect(told).toEqual(['3'])
    await hub.close()
  })

  it('misses nothing of a page of the rows that the capture began with', async () => {
    const rows = [1, 2, 3, 4].map((row) => ({ ...change(1, row, row % 2 === 0), xid: 0 }))
    const log = new FakeLog([...rows, change(2, 1)])
    const begun = makeEntryId(1, lsnOf(1), 3)
    log.positionAt = async () => begun
    const hub = await openHub(log)
    expect(hub.history.after(begun)?.map(({ xid }) => xid)).toEqual([0, 2])
    await hub.close()
  })

  it('tells the first one that comes, where nothing was there behind it', async () => {
    const log = new FakeLog([change(1, 1)])
    log.positionAt = async () => makeEntryId(1, lsnOf(1), 1)
    const told: string[] = []
    const hub = await openHub(log)
    hub.listen(listenerOf(told))
    log.append(change(2, 1))
    await log.isFollowed()
    expect(told).toEqual(['2'])
    await hub.close()
  })
})

describe('the hub, when it begins, at first and behind a gap', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
  afterEach(() => void vi.useRealTimers())

  it('knows what was written in the last lookBackMs, and nothing older', async () => {
    const log = new FakeLog([1, 2, 3].map((xid) => change(xid, 1)))
    const agesMs = [LIMITS.lookBackMs + 1, LIMITS.lookBackMs, 1]
    log.positionAt = async (timeMs) => {
      const older = agesMs.filter((ageMs) => Date.now() - ageMs < timeMs).length
      return log.entries[older - 1]?.id ?? FIRST_ENTRY_ID
    }
    const hub = await openHub(log, LIMITS, LIMITS.lookBackMs)
    const known = (): unknown[] => [FIRST_ENTRY_ID, makeEntryId(1, lsnOf(1), 1)].map((from) => hub.history.after(from)?.map(({ xid }) => xid))
    expect(known()).toEqual([undefined, [2, 3]])
    log.loseReader()
    await log.isFollowed()
    expect([hub.era, known()]).toEqual([2, [undefined, [2, 3]]])
    await hub.close()
  })
})

describe('one read of the log', () => {
  it.each([
    { count: 3, pages: [3] },
    { count: 4, pages: [3, 1] },
  ])('takes logReadCount entries, here 3, and no more: when it begins, follows and reads back, $count come as $pages', async ({ count, pages }) => {
    const log = new FakeLog(Array.from({ length: count }, (_, index) => change(index + 1, 1)))
    const sizes: number[] = []
    const read = log.read.bind(log)
    log.read = async (after, options) => {
      const page = await read(after, options)
      if (page.length > 0) sizes.push(page.length)
      return page
    }
    const isFollowed = log.isFollowed()
    const hub = await openHub(log, { ...LIMITS, ringEntries: 1, logReadCount: 3 })
    await isFollowed
    expect(sizes.splice(0)).toEqual(pages)
    for (let index = 0; index < count; index++) log.append(change(count + index + 1, 1))
    await log.isFollowed()
    expect(sizes.splice(0)).toEqual(pages)
    const newer = await hub.since(makeEntryId(1, lsnOf(count), 1), (all) => all?.length)
    expect([newer, sizes]).toEqual([count, pages])
    await hub.close()
  })
})

describe('the hub, when the log has let go of where it was', () => {
  it('begins anew behind its end, as at the start: what was committed may not be visible yet', async () => {
    const log = new FakeLog([change(1, 1), change(2, 1)])
    const told: string[] = []
    const hub = await openHub(log)
    hub.listen(listenerOf(told))
    log.entries = [change(5, 1), change(6, 1)]
    log.loseReader()
    await log.isFollowed()
    expect([told, hub.era, hub.history.after(FIRST_ENTRY_ID)?.map(({ xid }) => xid)]).toEqual([['reset: gap'], 2, [5, 6]])
    log.append(change(7, 1))
    await log.isFollowed()
    expect(told).toEqual(['reset: gap', '7'])
    await hub.close()
  })

  it('resets everybody again behind a transaction whose beginning it never read', async () => {
    const log = new FakeLog([change(1, 1)])
    const told: string[] = []
    const hub = await openHub(log)
    hub.listen(listenerOf(told))
    log.isWhole = false
    log.entries = [change(5, 2)]
    log.loseReader()
    await log.isFollowed()
    log.append(change(5, 3, true))
    log.append(change(6, 1))
    await log.isFollowed()
    expect(told).toEqual(['reset: gap', 'reset: gap', '6'])
    await hub.close()
  })
})

describe('the hub, when a listener fails', () => {
  it('does not count as told what somebody was not told', async () => {
    const log = new FakeLog([change(1, 1)])
    const told: string[] = []
    const hub = await openHub(log)
    hub.listen({
      ...listenerOf([]),
      onTransaction: ({ xid }) => {
        if (xid === 3) throw new Error('It fell over.')
      },
    })
    hub.listen(listenerOf(told))
    for (const xid of [2, 3, 4]) log.append(change(xid, 1))
    await log.isFollowed()
    expect([told, hub.era]).toEqual([['2', 'reset: gap', '4'], 1])
    await hub.close()
  })
})

describe('what memory has let go of', () => {
  const limits = { ...LIMITS, ringEntries: 1 }

  it('is read from the log once for all who go on from the same place, and of one place after the other', async () => {
    const log = new FakeLog([1, 2, 3, 4, 5].map((xid) => change(xid, 1)))
    const hub = await openHub(log, limits)
    const reads = { running: 0, most: 0, count: 0 }
    const read = log.read.bind(log)
    log.read = async (after) => {
      reads.count++
      reads.most = Math.max(reads.most, ++reads.running)
      await new Promise((resolve) => setTimeout(resolve, 1))
      reads.running--
      return read(after)
    }
    const places = [1, 2, 3].map((xid) => makeEntryId(1, lsnOf(xid), 1))
    const since = await Promise.all([...places, ...places].map((place) => hub.since(place, (all) => all?.map(({ xid }) => xid))))
    expect(since).toEqual([
      [2, 3, 4, 5],
      [3, 4, 5],
      [4, 5],
      [2, 3, 4, 5],
      [3, 4, 5],
      [4, 5],
    ])
    expect([reads.count, reads.most]).toEqual([3, 1])
    await hub.close()
  })

  it('is read up to maxReplayEntries entries, and not had where there is one more', async () => {
    const log = new FakeLog(Array.from({ length: 8 }, (_, index) => change(index + 1, 1)))
    const hub = await openHub(log, { ...limits, maxReplayEntries: 4, logReadCount: 2 })
    const since = (xid: number): Promise<number | undefined> => hub.since(makeEntryId(1, lsnOf(xid), 1), (all) => all?.length)
    expect([await since(4), await since(3)]).toEqual([4, undefined])
    await hub.close()
  })

  it('is not had where continuity ended while it was read, and is read again', async () => {
    const log = new FakeLog([1, 2, 3].map((xid) => change(xid, 1)))
    const hub = await openHub(log, limits)
    const first = makeEntryId(1, lsnOf(1), 1)
    const asked = hub.since(first, (all) => all?.map(({ xid }) => xid))
    log.loseReader()
    await log.isFollowed()
    const again = hub.since(first, (all) => all?.map(({ xid }) => xid))
    expect([await asked, await again]).toEqual([undefined, [2, 3]])
    await hub.close()
  })
})

function listenerOf(told: string[]): HubListener {
  return {
    onTransaction: ({ xid }) => void told.push(String(xid)),
    onBatchEnd: () => {},
    onReset: (reason) => void told.push(`reset: ${reason}`),
  }
}

function countTimers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
}

function openHub(log: TestLog = new FakeLog([]), limits: Limits = LIMITS, lookBackMs = 0): Promise<Hub> {
  const data = { table: () => undefined } as never
  return Hub.open({ log: log as ChangeLog, data, limits, lookBackMs, nudge: () => {}, onError: () => {} })
}
