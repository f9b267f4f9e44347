import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedLog, type ChangeLog } from '@zenstack-live/change-log'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { noteEntries } from './support/note-entries.ts'
import { noteStreams } from './support/note-streams.ts'

const PATIENCE = { timeout: 30_000, interval: 5 }
/** Of the note of rank 0. */
const FIRST_COMMIT_MS = 1_795_302_218_295

let directory: string
let log: ChangeLog
let nowMs: () => number
const open: { close(): Promise<void> }[] = []

beforeEach(async () => {
  nowMs = Date.now
  directory = mkdtempSync(join(tmpdir(), 'zenstack-live-place-'))
  log = await openEmbeddedLog({ directory, sampleEntries: 1, now: () => nowMs() })
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()))
  await log.close()
  rmSync(directory, { recursive: true, force: true })
})

function streams(warnings: string[] = []): ReturnType<typeof noteStreams> {
  const made = noteStreams(log, {}, warnings)
  open.push(made)
  return made
}

describe('the place of an id in several parts', { timeout: 60_000 }, () => {
  it('is where it was begun, also for a part that somebody reads much later', async () => {
    await log.append(noteEntries(5))
    // A process takes this part, and ends before it has read anything.
    const lease = await log.readers.acquire('mail#1/2', { owner: 'gone', leaseMs: 60_000 })
    if ('heldByOwner' in lease) throw new Error('held')
    const ranks: number[] = []
    streams().handle({ model: 'Note', id: 'mail', partitions: 2, created: {} }, ({ created }) => void ranks.push(created.rank))
    await vi.waitFor(async () => expect((await log.readers.list()).find(({ id }) => id === 'mail#0/2')?.owner).toBeDefined(), PATIENCE)
    await log.append(noteEntries(20, 5))
    await vi.waitFor(() => expect(ranks.length).toBeGreaterThan(0), PATIENCE)
    await log.readers.release(lease)
    await log.append(noteEntries(5, 25))
    await vi.waitFor(() => expect(ranks.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 25 }, (_, index) => index + 5)), PATIENCE)
  })

  it('is that of one split, where processes begin it at once in different numbers of parts', async () => {
    const warnings: string[] = []
    const numbers = [1, 4, 2, 3]
    for (const partitions of numbers) streams(warnings).handle({ model: 'Note', id: 'mail', partitions, created: {} }, () => undefined)
    await vi.waitFor(() => expect(warnings.filter((warning) => warning.includes('waits'))).toHaveLength(numbers.length - 1), PATIENCE)
    const parts = (await log.readers.list()).flatMap(({ id }) => /^mail(?:#\d\/(\d))?$/.exec(id)?.[1] ?? (id === 'mail' ? '1' : []))
    expect([new Set(parts).size, parts.length]).toEqual([1, Number(parts[0])])
  })

  it('is put back to where it was begun where one of them is missing', async () => {
    await log.append(noteEntries(3))
    const options = { model: 'Note', id: 'mail', partitions: 2, created: {} } as const
    const first = streams()
    const before: number[] = []
    first.handle(options, ({ created }) => void before.push(created.rank))
    await vi.waitFor(async () => expect(await log.readers.list()).toHaveLength(3), PATIENCE)
    await log.append(noteEntries(10, 3))
    await vi.waitFor(() => expect(before).toHaveLength(10), PATIENCE)
    await first.close()
    // As a server may evict one key.
    await log.readers.drop(['mail#1/2'])
    await log.append(noteEntries(10, 13))
    const after: number[] = []
    streams().handle(options, ({ created }) => void after.push(created.rank))
    await vi.waitFor(() => expect(after.filter((rank) => rank >= 13)).toHaveLength(10), PATIENCE)
    expect(Math.min(...after)).toBeGreaterThanOrEqual(3)
  })

  it('misses nothing of an earlier split of which only some parts were taken over', async () => {
    await log.append(noteEntries(10))
    const [third, tenth] = [2, 9].map((rank) => noteEntries(10)[rank]?.entries.at(-1)?.id)
    if (third === undefined || tenth === undefined) throw new Error('There are ten.')
    await log.readers.place(['mail'], { cursor: third, state: '' })
    await log.readers.place(['mail#0/2'], { cursor: tenth, state: '' })
    streams().handle({ model: 'Note', id: 'mail', partitions: 2, created: {} }, () => undefined)
    const missing = async (): Promise<string | undefined> => (await log.readers.list()).find(({ id }) => id === 'mail#1/2')?.state
    await vi.waitFor(async () => expect(await missing()).toContain(`"began":"${third}"`), PATIENCE)
  })

  it('stays that of the id, with the date it was to begin at, when it is split otherwise', async () => {
    nowMs = () => FIRST_COMMIT_MS
    await log.append(noteEntries(10))
    const options = { model: 'Note', id: 'mail', start: new Date(FIRST_COMMIT_MS + 5), created: { rank: { gte: 0 } } } as const
    const first = streams()
    // Its filter finds nothing: the date is still ahead of it.
    const idle = first.handle({ ...options, partitions: 2, created: { rank: { lt: 0 } } }, () => undefined)
    await vi.waitFor(async () => expect((await log.readers.list()).filter(({ cursor }) => cursor !== undefined)).toHaveLength(2), PATIENCE)
    await idle.close()
    const [record] = await log.readers.list()
    expect(record?.state).toContain('"notBefore"')
    const ranks: number[] = []
    streams().handle({ ...options, partitions: 3 }, ({ created }) => void ranks.push(created.rank))
    await log.append(noteEntries(2, 10))
    await vi.waitFor(() => expect(ranks).toEqual(expect.arrayContaining([10, 11])), PATIENCE)
    expect(Math.min(...ranks)).toBeGreaterThanOrEqual(5)
    expect((await log.readers.list()).filter(({ id }) => !id.includes('~')).map(({ id }) => id)).toEqual(['mail#0/3', 'mail#1/3', 'mail#2/3'])
  })
})

describe('an id in another number of parts', { timeout: 60_000 }, () => {
  it('waits until those that run have ended: events of a row never overlap', async () => {
    await log.append(noteEntries(4))
    const options = { model: 'Note', id: 'mail', start: 'beginning', created: {} } as const
    const stuck = Promise.withResolvers<void>()
    const [running, later]: [number[], number[]] = [[], []]
    const old = streams().handle({ ...options, partitions: 2 }, ({ created }) => {
      running.push(created.rank)
      return stuck.promise
    })
    await vi.waitFor(() => expect(running.length).toBeGreaterThan(0), PATIENCE)
    const warnings: string[] = []
    streams(warnings).handle({ ...options, partitions: 3 }, ({ created }) => void later.push(created.rank))
    await vi.waitFor(() => expect(warnings).toEqual([expect.stringContaining('is read in another number of parts than 3')]), PATIENCE)
    expect(later).toEqual([])
    const closed = old.close()
    stuck.resolve()
    await closed
    await vi.waitFor(() => expect(new Set([...running, ...later])).toEqual(new Set([0, 1, 2, 3])), PATIENCE)
  })
})

it('leaves nothing behind of a split that others have replaced', { timeout: 60_000 }, async () => {
  const options = { model: 'Note', id: 'mail', start: 'beginning', created: {} } as const
  const first = streams()
  first.handle({ ...options, partitions: 1 }, () => undefined)
  await vi.waitFor(async () => expect((await log.readers.list())[0]?.owner).toBeDefined(), PATIENCE)
  // It stands by, and looks so seldom that another one is quicker when the id is free.
  const warnings: string[] = []
  const slow = noteStreams(log, { standbyPollMs: 10_000 }, warnings)
  open.push(slow)
  const acquire = vi.spyOn(log.readers, 'acquire')
  slow.handle({ ...options, partitions: 1 }, () => undefined)
  await vi.waitFor(() => expect(acquire).toHaveBeenCalled(), PATIENCE)
  acquire.mockRestore()
  const second = streams()
  second.handle({ ...options, partitions: 2 }, () => undefined)
  await first.close()
  await vi.waitFor(async () => expect((await log.readers.list()).map(({ id }) => id)).toContain('mail#1/2'), PATIENCE)
  await vi.waitFor(() => expect(warnings).toEqual([expect.stringContaining('another number of parts than 1')]), PATIENCE)
  expect((await log.readers.list()).map(({ id }) => id).filter((id) => !id.includes('~'))).toEqual(['mail#0/2', 'mail#1/2'])
})

describe('a stream that begins at a date', { timeout: 60_000 }, () => {
  it.each([
    ['behind', -60_000],
    ['ahead of', 60_000],
  ])('gets what was committed from then on where the clock of the log is %s that of the database', async (_where, skewMs) => {
    nowMs = () => FIRST_COMMIT_MS + skewMs
    await log.append(noteEntries(5))
    await log.append(noteEntries(5, 5))
    const ranks: number[] = []
    streams().handle({ model: 'Note', id: 'mail', start: new Date(FIRST_COMMIT_MS + 5), created: {} }, ({ created }) => void ranks.push(created.rank))
    await vi.waitFor(() => expect(ranks).toEqual([5, 6, 7, 8, 9]), PATIENCE)
  })
})
