import type { Capture, CaptureOptions } from '@zenstack-live/cdc'
import type { LogEntry } from '@zenstack-live/protocol'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { captureFixture, type CaptureFixture } from './support/capture-fixture.ts'
import { events } from './support/events.ts'

const DDL = 'CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE other (id int PRIMARY KEY)'
const MIXED = 'BEGIN; INSERT INTO other VALUES (2); INSERT INTO t VALUES (2); INSERT INTO other VALUES (3); COMMIT'

let fixture: CaptureFixture
beforeEach(async () => {
  fixture = await captureFixture(inject('postgresUrl'), DDL, ['t', 'other'])
})
afterEach(() => fixture.close())

/** What was captured comes again with every start; the catalog is only looked at when one begins. */
function start(names: readonly string[], limits: CaptureOptions['limits'] = {}): Capture {
  const tables = fixture.tables.filter(({ name }) => names.includes(name))
  return fixture.start({ tables, limits: { confirmDelayMs: 60_000, reconcileIntervalMs: 600_000, ...limits } })
}

async function captured(names: readonly string[], statements: readonly string[] = [], limits?: CaptureOptions['limits']): Promise<void> {
  const capture = start(names, limits)
  await capture.caughtUp()
  for (const statement of statements) await fixture.sql(statement)
  await capture.caughtUp()
  await capture.close()
}

const marks = (entries: readonly LogEntry[]): unknown[] => entries.flatMap((entry) => (entry.kind === 'bulk' ? entry.tables : []))
const rows = (): unknown[] => events(fixture.sink.entries).map(({ table, after }) => `${table}:${String(after?.['id'])}`)
const epochs = (): number => fixture.sink.entries.filter(({ kind }) => kind === 'epoch').length

describe('a capture of other tables than before', () => {
  it.each([
    ['whose changes stand between those in the log', ['INSERT INTO other VALUES (1)', 'INSERT INTO t VALUES (1)']],
    ['whose changes stand in one transaction with those in the log', ['INSERT INTO t VALUES (1)', MIXED]],
    ['whose changes are the last ones', ['INSERT INTO t VALUES (1)', 'INSERT INTO other VALUES (1)']],
  ])('goes on, and a table that is new is read again: %s', async (_where, statements) => {
    await captured(['t'], statements)
    const before = rows()
    await captured(['t', 'other'], ['INSERT INTO other VALUES (7)', 'INSERT INTO t VALUES (7)'])
    expect(rows()).toEqual([...before, 'other:7', 't:7'])
    expect(marks(fixture.sink.entries)).toEqual(['public.other'])
    expect(epochs()).toBe(1)
  })

  it('goes on without a table', async () => {
    await captured(['t', 'other'], ['INSERT INTO t VALUES (1)', 'INSERT INTO other VALUES (1)', MIXED])
    const before = rows()
    await captured(['t'], ['INSERT INTO t VALUES (7)'])
    expect(rows()).toEqual([...before, 't:7'])
  })

  it('goes on with other limits', async () => {
    await captured(['t'], ['INSERT INTO t SELECT generate_series(1, 3)'], { maxTransactionEntries: 2 })
    await captured(['t'], ['INSERT INTO t VALUES (7)'], { maxTransactionEntries: 3 })
    expect(rows()).toEqual(['t:7'])
    expect(marks(fixture.sink.entries)).toEqual(['public.t'])
  })

  it('says each time that a table came back, also when its predecessor ended before it wrote anything', async () => {
    await captured(['t', 'other'], ['INSERT INTO t VALUES (1)'])
    fixture.sink.beforeWrite = async () => {
      throw new Error('the log is away')
    }
    const cutOff = start(['t'])
    await fixture.sql('INSERT INTO t VALUES (2)')
    await expect.poll(() => cutOff.state.kind, { timeout: 20_000 }).toBe('failing')
    fixture.sink.beforeWrite = async () => {}
    await cutOff.close()
    await captured(['t'], ['INSERT INTO other VALUES (2)'])
    expect(marks(fixture.sink.entries)).toEqual([])
    await captured(['t', 'other'])
    expect(marks(fixture.sink.entries)).toEqual(['public.other'])
  })

  it('begins a new epoch, once, where the log ends within a transaction that it would number otherwise', async () => {
    const { sink } = fixture
    await captured(['t'], ['INSERT INTO t VALUES (1), (2)'])
    sink.loseTail(sink.entries.findIndex((entry) => entry.kind === 'change') + 1)
    // The first row stands there as the first of two; with this limit neither does.
    await captured(['t'], ['INSERT INTO t VALUES (8)'], { maxTransactionEntries: 1 })
    expect(epochs()).toBe(2)
    expect(rows().slice(1)).toEqual(['t:8'])
  })

  it('begins no epoch after epoch where another writes to the same log', async () => {
    const { sink } = fixture
    await captured(['t'])
    let refusals = 0
    sink.beforeWrite = async (batches) => {
      if (!batches.some(({ entries }) => entries.some(({ kind }) => kind === 'change'))) return
      refusals++
      throw Object.assign(new Error('another history'), { code: 'log_conflict' })
    }
    const capture = start(['t'])
    await fixture.sql('INSERT INTO t VALUES (1)')
    await expect.poll(() => refusals, { timeout: 30_000 }).toBeGreaterThan(8)
    await capture.close()
    expect(epochs()).toBe(2)
  })

  it('writes again what the log lost before it began', async () => {
    await captured(['t'], ['INSERT INTO t VALUES (1)', MIXED, 'INSERT INTO t VALUES (3)'])
    const { entries, sink } = { entries: [...fixture.sink.entries], sink: fixture.sink }
    sink.loseTail(entries.findIndex((entry) => entry.kind === 'change') + 1)
    await captured(['t', 'other'])
    expect(rows()).toEqual(['t:1', 'other:2', 't:2', 'other:3', 't:3'])
    await captured(['t', 'other'])
    expect(rows()).toHaveLength(5)
    expect(epochs()).toBe(1)
  })

  it('writes again what the log lost while it was passed over', async () => {
    const { sink } = fixture
    await captured(['t'], ['INSERT INTO t VALUES (1)', 'INSERT INTO t VALUES (2)', 'INSERT INTO t VALUES (3)'])
    const first = sink.entries.findIndex((entry) => entry.kind === 'change')
    let losses = 0
    // After the log was asked, and before anything is written: what comes next would hide the hole.
    sink.beforeWrite = async () => {
      if (losses++ === 0) sink.loseTail(first + 1)
    }
    await captured(['t', 'other'], ['INSERT INTO t VALUES (4)'])
    expect(losses).toBeGreaterThan(1)
    expect(rows()).toEqual(['t:1', 't:2', 't:3', 't:4'])
    expect(epochs()).toBe(1)
  })

  it('writes again what the log lost after it began', async () => {
    const { sink } = fixture
    await captured(['t'], ['INSERT INTO t VALUES (1)', 'INSERT INTO t VALUES (2)'])
    const first = sink.entries.findIndex((entry) => entry.kind === 'change')
    await captured(['t', 'other'], ['INSERT INTO t VALUES (3)', MIXED.replaceAll('2', '8')])
    sink.loseTail(first + 1)
    await captured(['t', 'other'])
    expect(rows()).toEqual(['t:1', 't:2', 't:3', 'other:8', 't:8', 'other:3'])
    expect(epochs()).toBe(1)
  })
})
