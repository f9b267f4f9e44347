import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FIRST_ENTRY_ID, type EntryId } from '@zenstack-live/protocol'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi, type MockInstance } from 'vitest'
import { ChangeLogError, openEmbeddedLog, type ChangeLog } from '../src/index.ts'
import { shareTail } from '../src/share-tail.ts'
import { changeLogContract } from './contract.ts'
import { ids, rowId, transaction } from './transactions.ts'

const PATIENCE = { timeout: 30_000, interval: 1 }

changeLogContract('a log whose followers share one reading', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-shared-'))
  let nowMs = Date.now()
  const open = async (): Promise<ChangeLog> => shareTail(await openEmbeddedLog({ directory, now: () => nowMs, sampleEntries: 1 }))
  return {
    open,
    async reopen(log) {
      await log.close()
      return open()
    },
    async pass(ms) {
      nowMs += ms
    },
    async close() {
      rmSync(directory, { recursive: true })
    },
  }
})

// So small that followers fall behind, read on in groups and alone, and meet the others again.
const SMALL = { readEntries: 3, keptEntries: 6, keptBytes: Infinity, sharedReadings: 2 }

let directory: string
let log: ChangeLog
let shared: ChangeLog
let tails: MockInstance<ChangeLog['tail']>

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'zenstack-live-shared-'))
  log = await openEmbeddedLog({ directory, sampleEntries: 1 })
  tails = vi.spyOn(log, 'tail')
  shared = shareTail(log)
})
afterEach(async () => {
  await log.close()
  rmSync(directory, { recursive: true })
})

/** Follows it until told otherwise. */
function follow(after: EntryId, dawdle?: () => Promise<unknown>): { seen: EntryId[]; ended: Promise<unknown>; leave(): void } {
  const stop = new AbortController()
  const seen: EntryId[] = []
  const run = async (): Promise<void> => {
    for await (const page of shared.tail(after, { signal: stop.signal })) {
      seen.push(...ids(page))
      await dawdle?.()
    }
  }
  const ended = run().catch((error: unknown) => error)
  return { seen, ended, leave: () => stop.abort() }
}

const upTo = (last: number, from = 1): EntryId[] => Array.from({ length: last - from + 1 }, (_, index) => rowId(from + index, 1))

async function append(last: number, from = 1): Promise<void> {
  for (let lsn = from; lsn <= last; lsn++) await log.append([transaction(lsn)])
}

describe('followers of one log', () => {
  it('have it read once, wherever they begin, and end the reading with the last of them', async () => {
    await append(3)
    const followers = [follow(rowId(3, 1)), follow(rowId(3, 1)), follow(FIRST_ENTRY_ID)]
    await append(5, 4)
    await vi.waitFor(() => expect(followers.map(({ seen }) => seen)).toEqual([upTo(5, 4), upTo(5, 4), upTo(5)]), PATIENCE)
    // The one from further back came by itself, and then joined the others.
    expect(tails).toHaveBeenCalledTimes(2)
    await append(9, 6)
    followers.push(follow(rowId(5, 1)))
    await vi.waitFor(() => expect(followers.map(({ seen }) => seen.at(-1))).toEqual(followers.map(() => rowId(9, 1))), PATIENCE)
    expect(followers[3]?.seen).toEqual(upTo(9, 6))
    expect(tails).toHaveBeenCalledTimes(2)
    for (const follower of followers) follower.leave()
    expect(await Promise.all(followers.map(({ ended }) => ended))).toEqual([undefined, undefined, undefined, undefined])
    expect(tails.mock.calls[0]?.[1].signal.aborted).toBe(true)
    const next = follow(rowId(9, 1))
    await append(10, 10)
    await vi.waitFor(() => expect(next.seen).toEqual([rowId(10, 1)]), PATIENCE)
    next.leave()
  })

  it('are not given what was kept of a log that was lost', async () => {
    let identity = 'lost'
    shared = shareTail(Object.create(log, { identity: { get: () => identity } }) as ChangeLog)
    await append(3)
    const old = follow(FIRST_ENTRY_ID)
    await vi.waitFor(() => expect(old.seen).toEqual(upTo(3)), PATIENCE)
    // Noticed by somebody else, before the reading fails.
    identity = 'made anew'
    const next = follow(FIRST_ENTRY_ID)
    await vi.waitFor(() => expect(next.seen).toEqual(upTo(3)), PATIENCE)
    expect(tails).toHaveBeenCalledTimes(2)
    old.leave()
    next.leave()
    await Promise.all([old.ended, next.ended])
  })

  it('each see everything, in order, once, however they come, go and dawdle', { timeout: 120_000 }, async () => {
    const steps = fc.array(fc.oneof(fc.constantFrom('append', 'come', 'go', 'turn'), fc.nat(60)), { minLength: 5, maxLength: 40 })
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
    await fc.assert(
      fc.asyncProperty(steps, async (script) => {
        shared = shareTail(log, SMALL)
        const start = (await log.state()).newest ?? FIRST_ENTRY_ID
        const first = Number(BigInt(start.split('-')[0] ?? 0) & ((1n << 52n) - 1n)) + 1
        let last = first - 1
        const running: (ReturnType<typeof follow> & { from: number })[] = []
        for (const step of script) {
          if (step === 'append') await append((last += 3), last - 2)
          else if (step === 'go') running.shift()?.leave()
          else if (step === 'turn') await turn()
          else {
            const from = typeof step === 'number' ? Math.min(last, first + step) : last
            running.push({ ...follow(from < first ? start : rowId(from, 1), from % 3 === 0 ? turn : undefined), from: from + 1 })
          }
        }
        await append((last += 1), last)
        for (const { seen, from } of running) await vi.waitFor(() => expect(seen).toEqual(upTo(last, from)), PATIENCE)
        for (const { leave } of running) leave()
        await Promise.all(running.map(({ ended }) => ended))
      }),
      { numRuns: 60 },
    )
  })

  it('miss nothing and get nothing twice when readings break', { timeout: 120_000 }, async () => {
    await append(60)
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { minLength: 4, maxLength: 60 }),
        fc.array(fc.nat(40), { minLength: 1, maxLength: 4 }),
        async (breaks, places) => {
          const outcomes = breaks.values()
          const isBroken = (): boolean => outcomes.next().value === true
          const flaky: ChangeLog['tail'] = async function* (...asked) {
            for await (const page of log.tail(...asked)) {
              if (isBroken()) throw new Error('no answer')
              yield page
            }
          }
          shared = shareTail({ ...log, tail: flaky }, SMALL)
          await Promise.all(
            places.map(async (from) => {
              const seen: EntryId[] = []
              const last = (): EntryId => seen.at(-1) ?? (from === 0 ? FIRST_ENTRY_ID : rowId(from, 1))
              while (seen.length < 60 - from) {
                const follower = follow(last())
                await Promise.race([follower.ended, vi.waitFor(() => expect(follower.seen.at(-1)).toBe(rowId(60, 1)), PATIENCE)])
                follower.leave()
                await follower.ended
                seen.push(...follower.seen)
              }
              expect(seen).toEqual(upTo(60, from + 1))
            }),
          )
        },
      ),
      { numRuns: 40, endOnFailure: true },
    )
  })

  it.each([{ keptEntries: 6 }, { keptBytes: 600 }])('find again by themselves what is kept no longer: %j', async (limit) => {
    shared = shareTail(log, { ...SMALL, keptEntries: Infinity, ...limit })
    await append(3)
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>()
    const [slow, quick] = [follow(FIRST_ENTRY_ID, () => held), follow(FIRST_ENTRY_ID)]
    await vi.waitFor(() => expect(slow.seen).toEqual(upTo(3)), PATIENCE)
    await append(30, 4)
    await vi.waitFor(() => expect(quick.seen).toEqual(upTo(30)), PATIENCE)
    expect(tails).toHaveBeenCalledTimes(1)
    letGo()
    await vi.waitFor(() => expect(slow.seen).toEqual(upTo(30)), PATIENCE)
    expect(tails).toHaveBeenCalledTimes(2)
    slow.leave()
    quick.leave()
  })

  it('are all told what ends the reading, and may begin again', async () => {
    await append(1)
    const broken = new ChangeLogError('log_recreated', 'Made anew.')
    tails.mockImplementationOnce(async function* () {
      yield [...transaction(2).entries]
      await new Promise((resolve) => setImmediate(resolve))
      throw broken
    })
    const [one, two] = [follow(rowId(1, 1)), follow(rowId(1, 1))]
    expect(await Promise.all([one.ended, two.ended])).toEqual([broken, broken])
    const next = follow(rowId(1, 1))
    await append(2, 2)
    await vi.waitFor(() => expect(next.seen).toEqual([rowId(2, 1)]), PATIENCE)
    next.leave()
  })
})
