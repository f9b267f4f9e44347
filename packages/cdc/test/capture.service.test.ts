import { compareEntryIds, epochOfEntryId, type LogBatch } from '@zenstack-live/protocol'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { captureFixture, type CaptureFixture } from './support/capture-fixture.ts'
import { changes, events } from './support/events.ts'
import { eventually } from './support/eventually.ts'

const DDL = 'CREATE TABLE task (id int PRIMARY KEY, title text NOT NULL, done bool DEFAULT false)'

let fixture: CaptureFixture | undefined
afterEach(async () => {
  await fixture?.close()
  fixture = undefined
})

/** For long enough to show, with enough WAL. */
const isHeld = ([ms = 0, bytes = 0]: (number | undefined)[]): boolean => ms > 50 && bytes > 1_000_000

describe('startCapture', () => {
  it('hands over each commit as one batch with rising ids, the last entry marked', async () => {
    const { sql, sink, start } = (fixture = await captureFixture(inject('postgresUrl'), DDL, ['task']))
    const capture = start()
    await capture.caughtUp()
    await sql(`INSERT INTO task VALUES (1, 'one'), (2, 'two')`)
    await sql(`UPDATE task SET done = true WHERE id = 2`)
    await sql(`DELETE FROM task WHERE id = 1`)
    await capture.caughtUp()
    expect(events(sink.entries)).toEqual([
      { op: 'c', table: 'task', key: { id: 1 }, before: null, after: { id: 1, title: 'one', done: false } },
      { op: 'c', table: 'task', key: { id: 2 }, before: null, after: { id: 2, title: 'two', done: false } },
      { op: 'u', table: 'task', key: { id: 2 }, before: { id: 2, title: 'two', done: false }, after: { id: 2, title: 'two', done: true } },
      { op: 'd', table: 'task', key: { id: 1 }, before: { id: 1, title: 'one', done: false }, after: null },
    ])
    expect(changes(sink.entries).map((entry) => entry.isLastOfTransaction)).toEqual([false, true, true, true])
    const ids = sink.entries.map((entry) => entry.id)
    expect(ids).toEqual([...ids].sort(compareEntryIds))
    expect(changes(sink.entries)[1]?.id).toBe(changes(sink.entries)[0]?.id.replace(/-1$/, '-2'))
    expect(sink.entries.map((entry) => epochOfEntryId(entry.id))).toEqual(sink.entries.map(() => 1))
    expect(sink.entries[0]).toMatchObject({ kind: 'epoch', epoch: 1 })
  })

  it('goes on after the log failed, without a gap or a repeat', async () => {
    const { sql, sink, start } = (fixture = await captureFixture(inject('postgresUrl'), DDL, ['task']))
    const capture = start({ limits: { confirmDelayMs: 60_000 } })
    await capture.caughtUp()
    await sql(`INSERT INTO task VALUES (1, 'one')`)
    await capture.caughtUp()
    let failures = 0
    sink.beforeWrite = async () => {
      if (failures++ < 3) throw new Error('the log is away')
    }
    await sql(`INSERT INTO task VALUES (2, 'two')`)
    await sql(`INSERT INTO task VALUES (3, 'three')`)
    await sink.until((entries) => events(entries).length === 3)
    expect(events(sink.entries).map(({ key }) => key)).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }])
    expect(sink.repeats).toBeGreaterThan(0)
  })

  it('waits longer from try to try while the log refuses what comes, and not after that', async () => {
    const { sql, sink, start } = (fixture = await captureFixture(inject('postgresUrl'), DDL, ['task']))
    const pausesMs: number[] = []
    const limits = { confirmDelayMs: 60_000, minBackoffMs: 4, maxBackoffMs: 64 }
    const capture = start({ limits, onState: (state) => void (state.kind === 'failing' && pausesMs.push(state.retryInMs)) })
    await sql(`INSERT INTO task VALUES (1, 'one')`)
    await capture.caughtUp()
    const refuse = async (batches: readonly LogBatch[]): Promise<void> => {
      if (batches.some(({ entries }) => entries.some((entry) => entry.kind === 'change' && entry.value.includes('refused')))) throw new Error('no')
    }
    sink.beforeWrite = refuse
    await sql(`INSERT INTO task VALUES (2, 'refused')`)
    // A pause is between half of what it may be and all of it.
    await eventually(() => expect(Math.max(...pausesMs)).toBeGreaterThanOrEqual(limits.maxBackoffMs / 2))
    sink.beforeWrite = async () => {}
    await capture.caughtUp()
    pausesMs.length = 0
    sink.beforeWrite = refuse
    await sql(`INSERT INTO task VALUES (3, 'refused')`)
    await eventually(() => expect(pausesMs.length).toBeGreaterThan(0))
    expect(pausesMs[0]).toBeLessThanOrEqual(limits.minBackoffMs)
  })

  it('says how far the log is behind, in bytes of WAL and in time', async () => {
    const { sql, sink, start } = (fixture = await captureFixture(inject('postgresUrl'), DDL, ['task']))
    const capture = start()
    await capture.caughtUp()
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    sink.beforeWrite = () => released
    await sql(`INSERT INTO task SELECT i, repeat(md5(i::text), 100) FROM generate_series(1, 10_000) i`)
    const committedAt = performance.now()
    await eventually(() => expect([performance.now() - committedAt, capture.lag.bytes]).toSatisfy(isHeld))
    const heldMs = performance.now() - committedAt
    release()
    await capture.caughtUp()
    await eventually(() => expect(capture.lag.bytes).toBeLessThan(1_000_000))
    // The commit's time is that of its start, so before it was answered; clocks of one machine, in whole milliseconds.
    expect(capture.lag.ms).toBeGreaterThanOrEqual(Math.floor(heldMs) - 1)
  })
})
