import type { Capture } from '@zenstack-live/cdc'
import { createDatabase } from '@zenstack-live/testing'
import pg from 'pg'
import { afterEach, describe, expect, inject, it, vi } from 'vitest'
import { captureFixture, type CaptureFixture } from './support/capture-fixture.ts'
import { changes, events } from './support/events.ts'
import { fold } from './support/fold.ts'
import { eventually } from './support/eventually.ts'

const DDL = 'CREATE TABLE task (id int PRIMARY KEY, title text)'
const SLOW_CONFIRM = { limits: { confirmDelayMs: 60_000 } }

let fixture: CaptureFixture
afterEach(() => fixture.close())

async function open(): Promise<CaptureFixture> {
  return (fixture = await captureFixture(inject('postgresUrl'), DDL, ['task']))
}

async function confirmedLsn(): Promise<bigint> {
  const [row] = await fixture.sql(`SELECT confirmed_flush_lsn - '0/0' AS lsn FROM pg_replication_slots WHERE slot_name = $1`, [fixture.slot])
  return BigInt(String(row?.['lsn']))
}

async function restart(capture: Capture, whileAway: () => unknown, options = {}): Promise<Capture> {
  await capture.close()
  await whileAway()
  const next = fixture.start(options)
  await next.caughtUp()
  return next
}

const titles = (): unknown[] => events(fixture.sink.entries).map(({ after }) => after?.['title'])
const epochs = (): unknown[] => fixture.sink.entries.flatMap((entry) => (entry.kind === 'epoch' ? [entry.reason] : []))

describe('confirmation', () => {
  it('waits until the log has kept the change', async () => {
    const { sql, sink, start } = await open()
    const capture = start()
    await capture.caughtUp()
    const { promise: isBlocked, resolve: blocked } = Promise.withResolvers<void>()
    const { promise: mayWrite, resolve: release } = Promise.withResolvers<void>()
    sink.beforeWrite = () => (blocked(), mayWrite)
    await sql(`INSERT INTO task VALUES (1, 'one')`)
    await isBlocked
    const keptLsn = sink.entries.at(-1)?.lsn ?? 0n
    // Several times the interval in which it is told how far we are.
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(await confirmedLsn()).toBeLessThanOrEqual(keptLsn)
    release()
    await eventually(async () => expect(await confirmedLsn()).toBeGreaterThan(keptLsn))
  })

  it('waits for the delay even then', async () => {
    const { sql, start } = await open()
    const before = await confirmedLsn()
    const capture = start(SLOW_CONFIRM)
    await sql(`INSERT INTO task VALUES (1, 'one')`)
    await capture.caughtUp()
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(await confirmedLsn()).toBe(before)
  })

  it('moves on while only others write, so that no WAL is held back', async () => {
    const { start } = await open()
    const other = new pg.Client(await createDatabase(inject('postgresUrl')))
    await other.connect()
    try {
      await start().caughtUp()
      const before = await confirmedLsn()
      await other.query('CREATE TABLE noise AS SELECT generate_series(1, 10000)')
      await eventually(async () => expect(await confirmedLsn()).toBeGreaterThan(before + 100_000n))
    } finally {
      await other.end()
    }
  })
})

describe('a restart', () => {
  it('repeats what was not confirmed, and the log has it once', async () => {
    const { sql, sink, start } = await open()
    const capture = start(SLOW_CONFIRM)
    await sql(`INSERT INTO task VALUES (1, 'one'), (2, 'two')`)
    await capture.caughtUp()
    await restart(capture, () => sql(`INSERT INTO task VALUES (3, 'three')`), SLOW_CONFIRM)
    expect(titles()).toEqual(['one', 'two', 'three'])
    expect(sink.repeats).toBe(2)
    expect(epochs()).toEqual(['the log is new'])
  })

  it('repeats the same text, also what it says of the commit before', async () => {
    const { sql, sink, start } = await open()
    const capture = start()
    for (const id of [1, 2, 3]) await sql('INSERT INTO task VALUES ($1)', [id])
    await capture.caughtUp()
    await eventually(async () => expect(await confirmedLsn()).toBe(sink.entries.at(-1)?.lsn))
    await restart(capture, () => sql('INSERT INTO task VALUES (4)'))
    const sequences = changes(sink.entries).map(({ value }) => (JSON.parse(value) as { source: { sequence: string } }).source.sequence)
    expect(sequences.map((text) => (JSON.parse(text) as (string | null)[])[0] === null)).toEqual([true, false, false, false])
  })

  it('heals a log that lost its tail, from the slot', async () => {
    const { sql, sink, start } = await open()
    const capture = start(SLOW_CONFIRM)
    for (const id of [1, 2, 3, 4]) await sql('INSERT INTO task VALUES ($1, $2)', [id, `t${id}`])
    await capture.caughtUp()
    await restart(capture, () => sink.loseTail(3), SLOW_CONFIRM)
    expect(titles()).toEqual(['t1', 't2', 't3', 't4'])
    expect(epochs()).toEqual(['the log is new'])
  })

  it('begins a new epoch when the log lost what was already confirmed', async () => {
    const { sql, sink, start } = await open()
    const capture = start()
    await capture.caughtUp()
    const count = sink.entries.length
    await sql(`INSERT INTO task VALUES (1, 'lost')`)
    await capture.caughtUp()
    await eventually(async () => expect(await confirmedLsn()).toBeGreaterThanOrEqual(sink.entries.at(-1)?.lsn ?? 0n))
    await restart(capture, async () => {
      sink.loseTail(count)
      await sql(`INSERT INTO task VALUES (2, 'after')`)
    })
    expect(titles()).toEqual(['after'])
    expect(epochs()).toEqual(['the log is new', expect.stringMatching(/^the log ends at .* was confirmed$/)])
  })

  it('begins a new epoch when the slot is gone', async () => {
    const { sql, slot, start } = await open()
    const capture = start()
    await capture.caughtUp()
    await restart(capture, async () => {
      // The server ends the connection of the capture a moment after that has.
      await eventually(() => sql('SELECT pg_drop_replication_slot($1)', [slot]))
      await sql(`INSERT INTO task VALUES (1, 'unseen')`)
    })
    await sql(`INSERT INTO task VALUES (2, 'seen')`)
    await eventually(() => expect(titles()).toEqual(['seen']))
    expect(epochs()).toEqual(['the log is new', 'the replication slot was lost'])
  })

  it('begins a new epoch on another database or timeline, and above every id of the old one', async () => {
    const { sink, start, sql } = await open()
    const capture = start()
    await capture.caughtUp()
    const forge = (change: object) => (): void => void (sink.memory = JSON.stringify({ ...(JSON.parse(sink.memory ?? '') as object), ...change }))
    const second = await restart(capture, forge({ systemId: '1' }))
    await restart(second, forge({ timeline: 7 }))
    await sql(`INSERT INTO task VALUES (1, 'one')`)
    await eventually(() => expect(titles()).toEqual(['one']))
    expect(epochs().slice(1)).toEqual([expect.stringContaining('the database is another one'), expect.stringContaining('timeline')])
    expect(BigInt(sink.entries.at(-1)?.id.split('-')[0] ?? '') >> 52n).toBe(3n)
  })
})

describe('marks', () => {
  it('say that the log has passed a message of ours, at once', async () => {
    const { sink, sql, start } = await open()
    const capture = start({ limits: { progressIntervalMs: 60_000 } })
    await capture.caughtUp()
    const [row] = await sql(`SELECT pg_logical_emit_message(true, 'zenstack_live', '') - '0/0' AS lsn`)
    const lsn = BigInt(String(row?.['lsn']))
    const startMs = performance.now()
    await sink.until((entries) => (entries.at(-1)?.lsn ?? 0n) >= lsn)
    // A small part of the interval in which marks come by themselves.
    expect(performance.now() - startMs).toBeLessThan(15_000)
    expect(sink.entries.at(-1)).toMatchObject({ kind: 'progress', id: expect.stringMatching(/-0$/) as string })
  })

  it('come, and are confirmed, after the clock was set back', async () => {
    const realNow = Date.now
    let setBackMs = 0
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => realNow() - setBackMs)
    try {
      const { sink, sql, start } = await open()
      await start().caughtUp()
      for (setBackMs of [0, 3_600_000]) {
        const [row] = await sql(`SELECT pg_logical_emit_message(false, 'of others', '') - '0/0' AS lsn`)
        const lsn = BigInt(String(row?.['lsn']))
        await sink.until((entries) => (entries.at(-1)?.lsn ?? 0n) >= lsn)
        await eventually(async () => expect(await confirmedLsn()).toBeGreaterThanOrEqual(lsn))
      }
    } finally {
      clock.mockRestore()
    }
  })

  it('and commits that meet at one LSN lose nothing, whatever fails in between', async () => {
    const { sink, sql, start, tables, url } = await open()
    // A mark at every word of the server, and a log that fails one call in twenty, after or before keeping it.
    const capture = start({ limits: { progressIntervalMs: 1, minBackoffMs: 1, maxBackoffMs: 5 } })
    await capture.caughtUp()
    let calls = 0
    const write = sink.write.bind(sink)
    sink.write = async (batches) => {
      const call = calls++
      if (call % 40 === 17) throw new Error('not kept')
      await write(batches)
      if (call % 40 === 33) throw new Error('kept, but nobody heard')
    }
    const talker = new pg.Client(url)
    await talker.connect()
    for (let id = 0; id < 300; id++) {
      const message = talker.query(`SELECT pg_logical_emit_message($1, 'zenstack_live', '')`, [id % 2 === 0])
      await sql(id % 3 === 0 ? `INSERT INTO task VALUES (${id}, 'x')` : `INSERT INTO task VALUES (${id}, 'x'), (${id + 1000}, 'y')`)
      if (id % 7 === 0) await sql('DELETE FROM task WHERE id = $1', [id])
      await message
    }
    await talker.end()
    sink.write = write
    await capture.caughtUp()
    expect(await fold(sink.entries, tables, sql)).toEqual({ mismatches: [], repeated: 0 })
    // How many there are depends on the machine's speed; that there are some does not.
    expect(sink.entries.filter(({ kind }) => kind === 'progress').length).toBeGreaterThan(3)
  })
})

describe('two processes on one slot', () => {
  it('take turns: one leads, and when it ends the other goes on without a gap', async () => {
    const { sql, sink, start } = await open()
    const first = start()
    await first.caughtUp()
    const second = start()
    await eventually(() => expect(second.state.kind).toBe('waiting'))
    await sql(`INSERT INTO task VALUES (1, 'one')`)
    await second.caughtUp()
    expect(titles()).toEqual(['one'])
    await first.close()
    await sql(`INSERT INTO task VALUES (2, 'two')`)
    await eventually(() => expect(second.state.kind).toBe('leading'))
    await second.caughtUp()
    expect(titles()).toEqual(['one', 'two'])
    expect(sink.entries.filter(({ kind }) => kind === 'epoch')).toHaveLength(1)
  })
})

describe('limits', () => {
  it('write a mark for a transaction that is too large, and whole ones up to there', async () => {
    const { sql, sink, start } = await open()
    const capture = start({ limits: { maxTransactionEntries: 100 } })
    await sql(`INSERT INTO task SELECT i FROM generate_series(1, 100) i`)
    await sql(`INSERT INTO task SELECT i FROM generate_series(101, 201) i`)
    await sql(`INSERT INTO task VALUES (300, 'after')`)
    await capture.caughtUp()
    expect(changes(sink.entries)).toHaveLength(101)
    expect(sink.entries.filter(({ kind }) => kind === 'bulk')).toEqual([
      expect.objectContaining({ tables: ['public.task'], isLastOfTransaction: true, id: expect.stringMatching(/-1$/) as string }),
    ])
    expect(titles().at(-1)).toBe('after')
  })

  it('stop reading from the server while the log is slow', async () => {
    const { sql, sink, start } = await open()
    const capture = start({ limits: { maxPendingBytes: 10_000, maxEntriesPerWrite: 50 } })
    await capture.caughtUp()
    let largest = 0
    sink.beforeWrite = async (batches) => {
      largest = Math.max(largest, batches.flatMap((batch) => batch.entries).length)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    for (let id = 0; id < 400; id++) await sql('INSERT INTO task VALUES ($1)', [id])
    await capture.caughtUp()
    expect(changes(sink.entries)).toHaveLength(400)
    expect(largest).toBeLessThanOrEqual(50)
  })
})
