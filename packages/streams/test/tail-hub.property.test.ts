import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedLog, type ChangeLog } from '@zenstack-live/change-log'
import { compareEntryIds, FIRST_ENTRY_ID, makeEntryId, type EntryId } from '@zenstack-live/protocol'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { StreamPage } from '../src/hub/stream-page.ts'
import { TailHub } from '../src/hub/tail-hub.ts'
import { STREAM_LIMITS } from '../src/limits.ts'
import { noteEntries, noteLsn } from './support/note-entries.ts'

// So few that readers fall behind, catch up in groups and alone, and meet the tail again.
const LIMITS = { ...STREAM_LIMITS, pageEntries: 3, hubPages: 2, hubLanes: 1 }
const at = (rank: number): EntryId => (rank < 0 ? FIRST_ENTRY_ID : makeEntryId(1, noteLsn(rank), 1))

let directory: string
let log: ChangeLog
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'zenstack-live-hub-'))
  log = await openEmbeddedLog({ directory })
})
afterEach(async () => {
  await log.close()
  rmSync(directory, { recursive: true, force: true })
})

interface Follower {
  from: number
  seen: EntryId[]
  isSlow: boolean
  stop: AbortController
  ended: Promise<void>
}

function read(hub: TailHub, follower: Omit<Follower, 'ended'>): Promise<void> {
  return readFrom(hub, at(follower.from), follower)
}

async function readFrom(hub: TailHub, from: EntryId, { seen, isSlow, stop }: Omit<Follower, 'ended'>): Promise<void> {
  let cursor = from
  for await (const page of hub.follow(cursor, stop.signal)) {
    seen.push(...idsAfter(page, cursor))
    cursor = page.last
    if (isSlow) for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
}

function idsAfter(page: StreamPage, cursor: EntryId): EntryId[] {
  const ids = [...page.tables.values()].flat().map(({ entry }) => entry.id)
  return ids.filter((id) => compareEntryIds(id, cursor) > 0)
}

describe('the readers of a process', () => {
  it('each see everything after their place, once, in order, whatever the others do', async () => {
    const follower = fc.record({ from: fc.integer({ min: -1, max: 40 }), isSlow: fc.boolean() })
    const step = fc.oneof(follower, fc.constantFrom('append', 'leave', 'turn'))
    let newest = -1
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
        const hub = new TailHub(log, LIMITS, async () => {})
        const followers: Follower[] = []
        const append = async (count: number): Promise<void> => {
          await log.append(noteEntries(count, newest + 1))
          newest += count
        }
        await append(4)
        for (const each of steps) {
          if (each === 'append') await append(4)
          else if (each === 'leave') followers.shift()?.stop.abort()
          else if (each === 'turn') await new Promise((resolve) => setImmediate(resolve))
          else {
            const reading = { from: Math.min(each.from, newest), seen: [], isSlow: each.isSlow, stop: new AbortController() }
            followers.push({ ...reading, ended: read(hub, reading) })
          }
        }
        await append(1)
        for (const { seen, from } of followers) {
          const expected = Array.from({ length: newest - from }, (_, index) => at(from + 1 + index))
          await vi.waitFor(() => expect(seen).toEqual(expected), { timeout: 30_000, interval: 1 })
        }
        for (const { stop } of followers) stop.abort()
        await Promise.all(followers.map(({ ended }) => ended))
        hub.close()
      }),
      { numRuns: 40 },
    )
  })

  it('miss nothing and get nothing twice when reading ahead, or looking for gaps, fails now and then', async () => {
    let newest = -1
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { minLength: 4, maxLength: 60 }), fc.integer({ min: 1, max: 3 }), async (failures, count) => {
        await log.append(noteEntries(30, newest + 1))
        newest += 30
        const outcomes = failures.values()
        const mayFail = async (): Promise<void> => {
          if (outcomes.next().value === true) throw new Error('no answer')
        }
        const flaky: ChangeLog = { ...forwardTo(log), read: async (...asked) => (await mayFail(), log.read(...asked)) }
        const hub = new TailHub(flaky, LIMITS, mayFail)
        const stop = new AbortController()
        const readers = Array.from({ length: count }, () => ({ from: newest - 30, seen: [] as EntryId[], isSlow: false, stop }))
        const ended = readers.map(async (reader) => {
          while (!stop.signal.aborted) {
            const from = reader.seen.at(-1) ?? at(reader.from)
            await readFrom(hub, from, reader).catch(() => undefined)
          }
        })
        const expected = Array.from({ length: 30 }, (_, index) => at(newest - 29 + index))
        for (const { seen } of readers) await vi.waitFor(() => expect(seen).toEqual(expected), { timeout: 30_000, interval: 1 })
        stop.abort()
        await Promise.all(ended)
        hub.close()
      }),
      { numRuns: 40, endOnFailure: true },
    )
  })
})

function forwardTo(to: ChangeLog): ChangeLog {
  return {
    identity: to.identity,
    readers: to.readers,
    notes: to.notes,
    append: (batches) => to.append(batches),
    read: (after, options) => to.read(after, options),
    tail: (after, options) => to.tail(after, options),
    state: () => to.state(),
    continuity: (after) => to.continuity(after),
    positionAt: (timeMs) => to.positionAt(timeMs),
    trim: (retention) => to.trim(retention),
    close: () => to.close(),
  }
}
