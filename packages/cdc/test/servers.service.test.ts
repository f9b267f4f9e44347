import { startPostgres, type PostgresServer } from '@zenstack-live/testing'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { captureFixture, type CaptureFixture } from './support/capture-fixture.ts'
import { changes, events } from './support/events.ts'
import { eventually } from './support/eventually.ts'
import type { MemorySink } from './support/memory-sink.ts'

const DDL = 'CREATE TABLE task (id int PRIMARY KEY, title text)'

let server: PostgresServer
let fixture: CaptureFixture
beforeEach(async () => {
  server = await startPostgres()
  fixture = await captureFixture(server.url, DDL, ['task'])
})
afterEach(async () => {
  await fixture.close()
  await server.stop()
})

const epochs = (sink: MemorySink): string[] => sink.entries.flatMap((entry) => (entry.kind === 'epoch' ? [entry.reason] : []))
const ids = (sink: MemorySink): unknown[] => events(sink.entries).map(({ key }) => (key as { id: number }).id)

/** Statements over a fresh connection: the old one may have died with the server. */
async function sql(text: string): Promise<Record<string, unknown>[]> {
  const { default: pg } = await import('pg')
  const client = new pg.Client(fixture.url)
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}

describe('when the server', () => {
  it('crashes and recovers, the stream goes on in the same epoch', async () => {
    const capture = fixture.start()
    await sql('INSERT INTO task VALUES (1)')
    await capture.caughtUp()
    await server.kill()
    await eventually(() => expect(capture.state.kind).toBe('failing'))
    await server.start()
    await sql('INSERT INTO task VALUES (2)')
    await fixture.sink.until((entries) => changes(entries).length === 2)
    expect(ids(fixture.sink)).toEqual([1, 2])
    expect(epochs(fixture.sink)).toEqual(['the log is new'])
  })

  it('shuts down, it need not wait for the delay of the confirmation', async () => {
    const capture = fixture.start({ limits: { confirmDelayMs: 60_000 } })
    await sql('INSERT INTO task VALUES (1)')
    await capture.caughtUp()
    const startMs = performance.now()
    await server.shutDown()
    expect(performance.now() - startMs).toBeLessThan(30_000)
    await server.start()
    await sql('INSERT INTO task VALUES (2)')
    await fixture.sink.until((entries) => changes(entries).length === 2)
  })

  it('is promoted to another timeline, a new epoch begins', async () => {
    const capture = fixture.start()
    await sql('INSERT INTO task VALUES (1)')
    await capture.caughtUp()
    await server.shutDown()
    // Recovery from an archive that has nothing more ends in a new timeline, as a failover does.
    writeFileSync(join(server.directory, 'recovery.signal'), '')
    await server.start({ restore_command: 'false' })
    await sql('INSERT INTO task VALUES (2)')
    await eventually(() => expect(ids(fixture.sink)).toContain(2))
    expect(epochs(fixture.sink)[1]).toMatch(/timeline 2/)
  })

  it('threw away WAL that the slot needed, the slot is made again in a new epoch', async () => {
    const capture = fixture.start()
    await sql('INSERT INTO task VALUES (1)')
    await capture.caughtUp()
    await capture.close()
    await sql(`ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'`)
    await sql('SELECT pg_reload_conf()')
    for (let round = 0; round < 4; round++)
      await sql(
        'CREATE TABLE IF NOT EXISTS noise (t text); INSERT INTO noise SELECT repeat(md5(i::text), 100) FROM generate_series(1, 5000) i; SELECT pg_switch_wal()',
      )
    await sql('CHECKPOINT')
    const [slot] = await sql(`SELECT wal_status FROM pg_replication_slots WHERE slot_name = '${fixture.slot}'`)
    expect(slot).toEqual({ wal_status: 'lost' })
    const next = fixture.start()
    await next.caughtUp()
    await sql('INSERT INTO task VALUES (2)')
    await next.caughtUp()
    expect(ids(fixture.sink)).toEqual([1, 2])
    expect(epochs(fixture.sink)).toEqual(['the log is new', 'the replication slot was lost'])
  })

  it('is another one under the same address, a new epoch begins', async () => {
    await fixture.start().caughtUp()
    const other = await startPostgres()
    const second = await captureFixture(other.url, DDL, ['task'])
    try {
      await second.start({ sink: fixture.sink }).caughtUp()
      await second.sql('INSERT INTO task VALUES (7)')
      await fixture.sink.until((entries) => changes(entries).length === 1)
      expect(epochs(fixture.sink)[1]).toMatch(/the database is another one/)
    } finally {
      await second.close()
      await other.stop()
    }
  })
})
