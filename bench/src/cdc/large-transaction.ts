import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setUpCapture } from '@zenstack-live/cdc'
import type { PostgresServer, RedisServer } from '@zenstack-live/testing'
import type pg from 'pg'

const ROWS = 1_000_000
const INSERT = `INSERT INTO "User" (email, name, bio)
  SELECT i || '@example.org', 'Name ' || i, repeat('biography ', 8) FROM generate_series(1, ${ROWS}) i`

/** Memory of a capture while one transaction of a million rows passes, in a process of its own. */
export async function measureLargeTransaction(postgres: PostgresServer, redis: RedisServer, client: pg.Client): Promise<Record<string, number>> {
  const slot = 'large'
  await setUpCapture({ url: postgres.url, tables: [{ schema: 'public', name: 'User' }], slot })
  const args = [postgres.url, redis.url, slot, 'public', 'User']
  const child = fork(join(import.meta.dirname, 'large-child.ts'), args, { execArgv: ['--conditions=@zenstack-live/source'] })
  const said = async (word: 'ready' | 'bulk'): Promise<number> => {
    for (;;) {
      const [message] = (await once(child, 'message')) as [Partial<Record<'ready' | 'bulk', number>>]
      const bytes = message[word]
      if (bytes !== undefined) return bytes / 1024 / 1024
    }
  }
  try {
    const idleMiB = await said('ready')
    const startMs = performance.now()
    const passed = said('bulk')
    await client.query(INSERT)
    const peakMiB = await passed
    return { rows: ROWS, idleMiB, peakMiB, seconds: (performance.now() - startMs) / 1000 }
  } finally {
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    await client.query(`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active`, [slot])
  }
}
