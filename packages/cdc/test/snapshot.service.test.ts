import { epochOfEntryId, type LogEntry } from '@zenstack-live/protocol'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { captureFixture, type CaptureFixture } from './support/capture-fixture.ts'
import { changes, events } from './support/events.ts'
import { eventually } from './support/eventually.ts'
import { fold } from './support/fold.ts'
import { TYPE_DDL, typeTable } from './support/type-cases.ts'

const DDL = 'CREATE TABLE task (id int PRIMARY KEY, title text, n int); CREATE TABLE note (id int PRIMARY KEY, body text)'

let fixture: CaptureFixture | undefined
afterEach(async () => {
  await fixture?.close()
  fixture = undefined
})

async function open(ddl = DDL, tables = ['task', 'note']): Promise<CaptureFixture> {
  fixture = await captureFixture(inject('postgresUrl'), ddl, tables)
  return fixture
}

describe('an initial snapshot', () => {
  it('gives every row as it stood where the changes begin, while writes go on', async () => {
    const { sql, sink, start, tables } = await open()
    await sql(`INSERT INTO task SELECT i, 'before', 0 FROM generate_series(1, 3000) i; INSERT INTO note VALUES (1, 'kept')`)
    // Each page waits for a write, so that there are writes before, during and after.
    let round = 0
    sink.beforeWrite = async (batches) => {
      if (!isSnapshotPage(batches.flatMap(({ entries }) => entries))) return
      const id = ++round
      await sql(`UPDATE task SET n = n + 1, title = 'during' WHERE id % 7 = ${id % 7}; INSERT INTO task VALUES (${10_000 + id}, 'new', 0)`)
      await sql(`DELETE FROM task WHERE id = ${id}; UPDATE note SET body = body || '.'`)
    }
    const capture = start({ snapshot: 'initial' })
    await sql(`INSERT INTO task VALUES (9000, 'at the start', 0)`)
    await capture.caughtUp()
    expect(round).toBeGreaterThan(3)
    expect(await fold(sink.entries, tables, sql)).toEqual({ mismatches: [], repeated: 0 })
    const operations = events(sink.entries).map(({ op }) => op)
    expect(operations.lastIndexOf('r')).toBeLessThan(operations.findIndex((op) => op !== 'r'))
  })

  it('is taken once', async () => {
    const { sql, sink, start } = await open()
    await sql(`INSERT INTO task VALUES (1, 'one', 1)`)
    const first = start({ snapshot: 'initial' })
    await first.caughtUp()
    await first.close()
    const second = start({ snapshot: 'initial' })
    await sql(`INSERT INTO task VALUES (2, 'two', 2)`)
    await second.caughtUp()
    expect(events(sink.entries).map(({ op, key }) => [op, key])).toEqual([
      ['r', { id: 1 }],
      ['c', { id: 2 }],
    ])
    expect(sink.entries.filter(({ kind }) => kind === 'epoch')).toHaveLength(1)
  })

  it('that is cut off begins anew, in an epoch of its own', async () => {
    const { sql, sink, start, tables } = await open()
    await sql(`INSERT INTO task SELECT i, 'x', 0 FROM generate_series(1, 2000) i`)
    let pages = 0
    sink.beforeWrite = async (batches) => {
      if (isSnapshotPage(batches.flatMap(({ entries }) => entries)) && ++pages === 3) throw new Error('The log is full.')
    }
    const capture = start({ snapshot: 'initial' })
    await eventually(() => expect(capture.state.kind).toBe('leading'))
    await sql('DELETE FROM task WHERE id < 20')
    await capture.caughtUp()
    const newest = sink.entries.map(({ id }) => epochOfEntryId(id)).findLast((epoch) => epoch > 0) ?? 0
    expect(newest).toBe(2)
    const last = sink.entries.filter(({ id }) => epochOfEntryId(id) === newest)
    expect(await fold(last, tables, sql)).toEqual({ mismatches: [], repeated: 0 })
  })

  it('is given up, for another process, when the capture is closed', async () => {
    const { sql, sink, start, tables } = await open()
    await sql(`INSERT INTO task SELECT i, 'x', 0 FROM generate_series(1, 20000) i`)
    let closing: Promise<void> | undefined
    let pages = 0
    sink.beforeWrite = async (batches) => {
      if (isSnapshotPage(batches.flatMap(({ entries }) => entries)) && ++pages === 2) closing = first.close()
    }
    const first = start({ snapshot: 'initial' })
    await eventually(() => expect(closing).toBeDefined())
    await closing
    expect(pages).toBeLessThan(5)
    const second = start({ snapshot: 'initial' })
    await second.caughtUp()
    const newest = Math.max(...sink.entries.map(({ id }) => epochOfEntryId(id)))
    const last = sink.entries.filter(({ id }) => epochOfEntryId(id) === newest)
    expect(await fold(last, tables, sql)).toEqual({ mismatches: [], repeated: 0 })
  })

  it('is taken again when the slot is lost, since changes are missing', async () => {
    const { sql, sink, slot, start, tables } = await open()
    await sql(`INSERT INTO task VALUES (1, 'one', 1)`)
    const first = start({ snapshot: 'initial' })
    await first.caughtUp()
    await first.close()
    await eventually(() => sql('SELECT pg_drop_replication_slot($1)', [slot]))
    await sql(`UPDATE task SET title = 'unseen'`)
    const second = start({ snapshot: 'initial' })
    await second.caughtUp()
    const last = sink.entries.filter(({ id }) => epochOfEntryId(id) === 2)
    expect(events(last)).toEqual([{ op: 'r', table: 'task', key: { id: 1 }, before: null, after: { id: 1, title: 'unseen', n: 1 } }])
    expect(await fold(last, tables, sql)).toEqual({ mismatches: [], repeated: 0 })
  })

  it('reads and hands over no more at once than it may, however large the rows', async () => {
    const { sql, sink, start } = await open()
    await sql(`INSERT INTO task SELECT i, 'small', 0 FROM generate_series(1, 100) i`)
    await sql(`INSERT INTO task SELECT i, repeat('x', 100000), 0 FROM generate_series(101, 160) i`)
    const sizes: number[] = []
    sink.beforeWrite = async (batches) => {
      const page = batches.flatMap(({ entries }) => entries)
      if (isSnapshotPage(page)) sizes.push(changes(page).reduce((sum, { value }) => sum + value.length, 0))
    }
    await start({ snapshot: 'initial', limits: { snapshotFetchBytes: 400_000, snapshotFetchRows: 20 } }).caughtUp()
    // The first large rows come in a page that was measured by small ones; after it, pages are as small as they should be.
    expect(sizes.filter((size) => size > 600_000).length).toBeLessThanOrEqual(1)
    expect(Math.max(...sizes)).toBeLessThan(20 * 101_000)
    expect(events(sink.entries)).toHaveLength(160)
  })

  it('writes a value of each type as a change of it does, and says the same of what is left out', async () => {
    const table = typeTable('all_types')
    const { sql, sink, start } = await open(`${TYPE_DDL}; ${table.create}`, ['all_types'])
    await sql(table.insert)
    const capture = start({ snapshot: 'initial' })
    await capture.caughtUp()
    await sql('UPDATE all_types SET pk = 2 WHERE pk = 1')
    await capture.caughtUp()
    const [read, , created] = changes(sink.entries).map(({ value }) => value)
    const after = (text = ''): string => text.slice(text.indexOf('"after":'), text.indexOf(',"source":')).replace(/"pk":\d/, '')
    expect(after(read)).toBe(after(created))
    const excluded = (text = '{}'): unknown => (JSON.parse(text) as { excluded?: unknown }).excluded
    expect(excluded(read)).toEqual(excluded(created))
  })

  it('holds partitions under their root, and no generated columns', async () => {
    const ddl = `CREATE TABLE parts (id int, kind text, twice int GENERATED ALWAYS AS (id * 2) STORED, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind);
      CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('a'); CREATE TABLE parts_b PARTITION OF parts FOR VALUES IN ('b')`
    const { sql, sink, start } = await open(ddl, ['parts'])
    await sql(`INSERT INTO parts VALUES (1, 'a'), (2, 'b')`)
    await start({ snapshot: 'initial' }).caughtUp()
    expect(events(sink.entries).map(({ op, table, after }) => [op, table, after])).toEqual([
      ['r', 'parts', { id: 1, kind: 'a' }],
      ['r', 'parts', { id: 2, kind: 'b' }],
    ])
  })
})

function isSnapshotPage(entries: readonly LogEntry[]): boolean {
  return events(entries).some(({ op }) => op === 'r')
}
