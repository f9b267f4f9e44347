import { once } from 'node:events'
import { connect } from 'node:net'
import { setUpCapture, startCapture } from '@zenstack-live/cdc'
import { openRedisLog, type ChangeLog } from '@zenstack-live/change-log'
import { FIRST_ENTRY_ID, parseChangeEnvelope, type EntryId, type LogEntry } from '@zenstack-live/protocol'
import { createDatabase, startRedis, type RedisServer } from '@zenstack-live/testing'
import pg from 'pg'
import { afterEach, beforeEach, expect, inject, it } from 'vitest'
import { logSink } from '../src/log-sink.ts'

const TABLES = ['t', 'other'].map((name) => ({ schema: 'public', name }))
const STREAM = 'zenstack:changes'

let url: string
let slot: string
let client: pg.Client
let redis: RedisServer

beforeEach(async () => {
  url = await createDatabase(inject('postgresUrl'))
  slot = `tables_${new URL(url).pathname.slice(1)}`
  client = new pg.Client(url)
  await client.connect()
  await client.query('CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE other (id int PRIMARY KEY)')
  await setUpCapture({ url, slot, tables: TABLES })
  redis = await startRedis()
})
afterEach(async () => {
  await redis.stop()
  await client.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active', [slot])
  await client.end()
})

/** A process that captures these tables, and what the log holds when it has ended. */
async function process(names: readonly string[], statements: readonly string[], wrap = (log: ChangeLog): ChangeLog => log): Promise<LogEntry[]> {
  const log = await openRedisLog({ url: redis.url })
  const tables = TABLES.filter(({ name }) => names.includes(name))
  // Nothing is confirmed: Postgres repeats all of it to the next one.
  const limits = { progressIntervalMs: 100, minBackoffMs: 20, confirmDelayMs: 60_000 }
  const capture = startCapture({ url, slot, tables, sink: logSink(wrap(log)), limits })
  try {
    await capture.caughtUp()
    for (const statement of statements) await client.query(statement)
    await capture.caughtUp()
    return await log.read(FIRST_ENTRY_ID)
  } finally {
    await capture.close()
    await log.close()
  }
}

function rows(entries: readonly LogEntry[]): string[] {
  return entries.flatMap((entry) => {
    if (entry.kind !== 'change') return entry.kind === 'bulk' ? entry.tables : []
    const { source, after } = parseChangeEnvelope(entry.value)
    return [`${source.table}:${String(after?.['id'])}`]
  })
}

/** Leaves what a failover does: the entries are gone, and so is the last id. */
async function loseTail(log: ChangeLog, newest: EntryId): Promise<void> {
  const socket = connect(redis.port, '127.0.0.1')
  const lost = (await log.read(newest)).map(({ id }) => id)
  for (const command of [`XDEL ${STREAM} ${lost.join(' ')}`, `XSETID ${STREAM} ${newest}`]) {
    socket.write(`${command}\r\n`)
    expect(String(await once(socket, 'data'))).toMatch(/^[:+]/)
  }
  socket.destroy()
}

const MIXED = 'BEGIN; INSERT INTO other VALUES (2); INSERT INTO t VALUES (2); COMMIT'

it('goes on in the same log when other tables are captured, while Postgres still repeats what was', async () => {
  await process(['t'], ['INSERT INTO other VALUES (1)', 'INSERT INTO t VALUES (1)', MIXED])
  const entries = await process(['t', 'other'], ['INSERT INTO other VALUES (3)'])
  expect(rows(entries)).toEqual(['t:1', 't:2', 'public.other', 'other:3'])
  expect(entries.filter(({ kind }) => kind === 'epoch')).toHaveLength(1)
  expect(rows(await process(['t'], ['INSERT INTO t VALUES (4)'])).slice(4)).toEqual(['t:4'])
})

it('writes again what Redis lost after it was asked where the log stands', async () => {
  const before = await process(['t'], ['INSERT INTO t VALUES (1)', MIXED, 'INSERT INTO t VALUES (3)'])
  const [first] = before.filter(({ kind }) => kind === 'change')
  let isLost = false
  const losing = (log: ChangeLog): ChangeLog => ({
    ...log,
    async append(batches) {
      if (!isLost) {
        isLost = true
        await loseTail(log, first?.id ?? FIRST_ENTRY_ID)
      }
      await log.append(batches)
    },
  })
  const entries = await process(['t', 'other'], ['INSERT INTO t VALUES (4)'], losing)
  expect(isLost).toBe(true)
  expect(rows(entries).filter((row) => row.startsWith('t:'))).toEqual(['t:1', 't:2', 't:3', 't:4'])
  expect(entries.filter(({ kind }) => kind === 'epoch')).toHaveLength(1)
})
