import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedLog, type ChangeLog } from '@zenstack-live/change-log'
import { makeEntryId, type LogEntry } from '@zenstack-live/protocol'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createStreams, StreamGapError, type StreamGap, type Streams } from '../src/index.ts'
import { noteEntries, noteLsn } from './support/note-entries.ts'
import { noteData } from './support/note-model.ts'

let directory: string
let log: ChangeLog
let streams: Streams<typeof schema>

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'zenstack-live-gap-'))
  log = await openEmbeddedLog({ directory, sampleEntries: 1 })
  streams = open()
})
afterEach(async () => {
  await streams.close()
  await log.close()
  rmSync(directory, { recursive: true, force: true })
})

function open(): Streams<typeof schema> {
  // Filters of these streams never ask the database.
  const client = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool: new pg.Pool({ host: '127.0.0.1', port: 1 }) }) })
  return createStreams<typeof schema>({ log, client, dataModel: () => noteData, limits: { standbyPollMs: 20 } })
}

const OPTIONS = { model: 'Note', id: 'mail', start: 'beginning', created: {} } as const

/** Handles notes up to a rank, gaps as they come. */
async function handleUntil(last: number, onGap?: (gap: StreamGap) => void): Promise<number[]> {
  const ranks: number[] = []
  const handle = streams.handle({ ...OPTIONS, ...(onGap === undefined ? {} : { onGap }) }, ({ created }) => void ranks.push(created.rank))
  try {
    await Promise.race([handle.ended, vi.waitFor(() => expect(ranks).toContain(last), { timeout: 30_000, interval: 5 })])
  } finally {
    await handle.close()
  }
  return ranks
}

async function loop(): Promise<void> {
  for await (const event of streams.stream(OPTIONS)) if (event.created.rank < 0) break
}

describe('a stream whose next changes are gone', () => {
  it('because retention overtook it says so, and goes on behind them when somebody takes care', async () => {
    await log.append(noteEntries(10))
    expect(await handleUntil(9)).toHaveLength(10)
    await log.append(noteEntries(300, 10))
    await log.append(noteEntries(200, 310))
    const trimmed = await log.trim({ maxEntries: 20, hardFactor: 1 })
    expect(trimmed.overtaken).toEqual(['mail'])
    // Said again until somebody does.
    for (let time = 0; time < 2; time++) await expect(loop()).rejects.toMatchObject({ code: 'stream_gap', gap: { id: 'mail', reason: 'retention' } })
    await expect(handleUntil(509)).rejects.toThrow(StreamGapError)
    const gaps: StreamGap[] = []
    const ranks = await handleUntil(509, (gap) => void gaps.push(gap))
    expect(gaps).toMatchObject([{ reason: 'retention', after: makeEntryId(1, noteLsn(9), 1) }])
    expect(ranks[0]).toBeGreaterThan(10)
    expect(ranks).toEqual(Array.from({ length: ranks.length }, (_, index) => 510 - ranks.length + index))
  })

  it('because the capture lost continuity, or a transaction was too large, is told between the events it lies between', async () => {
    const epoch = { kind: 'epoch', id: makeEntryId(2, noteLsn(2), 0), lsn: noteLsn(2), epoch: 2, reason: 'the replication slot was lost' } as const
    const inEpoch = (entry: LogEntry): LogEntry => ({ ...entry, id: makeEntryId(2, entry.lsn, 1) })
    const bulkId = makeEntryId(2, noteLsn(4), 1)
    const bulk: LogEntry = { kind: 'bulk', id: bulkId, lsn: noteLsn(4), xid: 5, isLastOfTransaction: true, tables: ['public.Note'] }
    await log.append(noteEntries(2))
    await log.append([{ entries: [epoch] }, ...noteEntries(1, 3).map(({ entries }) => ({ entries: entries.map(inEpoch) }))])
    await log.append([{ entries: [bulk] }, ...noteEntries(1, 5).map(({ entries }) => ({ entries: entries.map(inEpoch) }))])
    const told: string[] = []
    const handle = streams.handle(
      { ...OPTIONS, onGap: ({ reason }) => void told.push(reason) },
      ({ created }) => void told.push(String(created.rank)),
    )
    await vi.waitFor(() => expect(told).toEqual(['0', '1', 'epoch', '3', 'bulk', '5']), { timeout: 30_000, interval: 5 })
    await handle.close()
  })

  it('is told to the next one, where the end comes while what lies before the gap is handled', async () => {
    const bulk: LogEntry = {
      kind: 'bulk',
      id: makeEntryId(1, noteLsn(1), 1),
      lsn: noteLsn(1),
      xid: 2,
      isLastOfTransaction: true,
      tables: ['public.Note'],
    }
    await log.append([...noteEntries(1), { entries: [bulk] }])
    const { promise, resolve } = Promise.withResolvers<void>()
    const ranks: number[] = []
    const handle = streams.handle(OPTIONS, async ({ created }) => {
      ranks.push(created.rank)
      await promise
    })
    await vi.waitFor(() => expect(ranks).toEqual([0]), { timeout: 30_000, interval: 5 })
    const closed = handle.close()
    resolve()
    await closed
    await expect(loop()).rejects.toMatchObject({ gap: { reason: 'bulk' } })
  })

  it('because the log was lost and made anew', async () => {
    await log.append(noteEntries(3))
    await handleUntil(2)
    // Places of readers are lost with it; this one comes from elsewhere, as after a restored backup.
    const [reader] = await log.readers.list()
    await streams.close()
    await log.close()
    rmSync(directory, { recursive: true })
    log = await openEmbeddedLog({ directory, sampleEntries: 1 })
    const lease = await log.readers.acquire('mail', { owner: 'restore', leaseMs: 1000 })
    if ('heldByOwner' in lease || reader?.cursor === undefined) throw new Error('There is no place to restore.')
    await log.readers.save(lease, { record: { cursor: reader.cursor, state: reader.state ?? '' } })
    await log.readers.release(lease)
    await log.append(noteEntries(3, 100))
    streams = open()
    await expect(loop()).rejects.toMatchObject({ gap: { reason: 'lost' } })
  })

  it('because it wants to begin where the log does not reach back to', async () => {
    await log.append(noteEntries(10))
    await log.append(noteEntries(500, 10))
    await log.trim({ maxEntries: 20, hardFactor: 1 })
    const iterator = streams.stream({ ...OPTIONS, start: new Date(0) })[Symbol.asyncIterator]()
    await expect(iterator.next()).rejects.toMatchObject({ gap: { reason: 'retention' } })
  })
})
