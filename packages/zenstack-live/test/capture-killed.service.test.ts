import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setUpCapture } from '@zenstack-live/cdc'
import { openRedisLog, type ChangeLog } from '@zenstack-live/change-log'
import { FIRST_ENTRY_ID, parseChangeEnvelope, type ChangeEntry, type EntryId } from '@zenstack-live/protocol'
import { createDatabase } from '@zenstack-live/testing'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'

const CHILD = join(import.meta.dirname, 'support/capture-child.ts')
const ROUNDS = 20

let url: string
let slot: string
let client: pg.Client
let log: ChangeLog
const children = new Set<ChildProcess>()
const said = new Map<ChildProcess, unknown[]>()

beforeEach(async () => {
  url = await createDatabase(inject('postgresUrl'))
  slot = `killed_${new URL(url).pathname.slice(1)}`
  client = new pg.Client(url)
  await client.connect()
  await client.query('CREATE TABLE task (id int PRIMARY KEY, n int NOT NULL)')
  await setUpCapture({ url, slot, tables: [{ schema: 'public', name: 'task' }] })
  log = await openRedisLog({ url: inject('redisUrl'), name: `killed:${slot}` })
})
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
  await log.close()
  await client.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active', [slot])
  await client.end()
})

function startChild(): ChildProcess {
  const child = fork(CHILD, [url, inject('redisUrl'), `killed:${slot}`, slot, 'task'], { execArgv: ['--conditions=@zenstack-live/source'] })
  children.add(child)
  said.set(child, [])
  child.on('message', (word) => said.get(child)?.push(word))
  child.once('exit', () => children.delete(child))
  return child
}

/** Resolves when the child has said this, be it before the call. */
function told(child: ChildProcess, word: string): Promise<void> {
  return new Promise((resolve) => {
    const listen = (): void => {
      if (said.get(child)?.includes(word) !== true) return
      child.off('message', listen)
      resolve()
    }
    child.on('message', listen)
    listen()
  })
}

async function changes(): Promise<ChangeEntry[]> {
  const found: ChangeEntry[] = []
  let after: EntryId = FIRST_ENTRY_ID
  for (;;) {
    const page = await log.read(after)
    found.push(...page.filter((entry) => entry.kind === 'change'))
    const last = page.at(-1)
    if (last === undefined) return found
    after = last.id
  }
}

/** Waits until the log has passed all that was committed. */
async function caughtUp(): Promise<void> {
  const result = await client.query<{ lsn: string }>(`SELECT pg_logical_emit_message(true, 'zenstack_live', '') - '0/0' AS lsn`)
  const lsn = BigInt(result.rows[0]?.lsn ?? 0)
  while (((await log.state()).newestLsn ?? 0n) < lsn) await new Promise((resolve) => setTimeout(resolve, 20))
}

async function expectLogToFoldToTable(): Promise<void> {
  const rows = new Map<unknown, unknown>()
  for (const { value } of await changes()) {
    const { op, before, after } = parseChangeEnvelope(value)
    // Each change fits the state before it, so none is missing, repeated or out of place.
    expect(rows.get((before ?? after)?.['id'])).toEqual(op === 'c' ? undefined : before)
    if (op === 'd') rows.delete(before?.['id'])
    else rows.set(after?.['id'], after)
  }
  const table = await client.query<{ id: number; n: number }>('SELECT id, n FROM task ORDER BY id')
  expect([...rows.values()].sort((a, b) => (a as { id: number }).id - (b as { id: number }).id)).toEqual(table.rows)
}

describe('a capture that is killed', () => {
  it(`between the log's keeping and the server's being told, ${ROUNDS} times: each change is in the log once`, { timeout: 240_000 }, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const child = startChild()
      const kept = told(child, 'kept')
      await client.query('INSERT INTO task SELECT $1 * 100 + i, 0 FROM generate_series(0, 19) i', [round])
      await client.query('UPDATE task SET n = n + 1 WHERE id % 7 = $1', [round % 7])
      await client.query('DELETE FROM task WHERE id % 100 = 19 AND id < $1', [round * 100])
      await kept
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    startChild()
    await caughtUp()
    await expectLogToFoldToTable()
    expect((await log.state()).epoch).toBe(1)
  })

  it('is followed by the one that stands by, without a gap', { timeout: 120_000 }, async () => {
    const [first, second] = [startChild(), startChild()]
    const leader = await Promise.race([told(first, 'leading').then(() => first), told(second, 'leading').then(() => second)])
    const standby = leader === first ? second : first
    await told(standby, 'waiting')
    const leading = told(standby, 'leading')
    await client.query('INSERT INTO task SELECT i, 0 FROM generate_series(1, 50) i')
    leader.kill('SIGKILL')
    const startMs = performance.now()
    await client.query('UPDATE task SET n = 1')
    await leading
    // The server's walsender sees the socket close; the lease is only for hosts that vanish.
    expect(performance.now() - startMs).toBeLessThan(40_000)
    await caughtUp()
    await expectLogToFoldToTable()
  })
})
