import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { openRedisLog, type ChangeLog } from '@zenstack-live/change-log'
import { setUpCapture } from '@zenstack-live/cdc'
import { FIRST_ENTRY_ID, parseChangeEnvelope } from '@zenstack-live/protocol'
import { createDatabase, findDebezium, startDebezium, startRedis, type DebeziumServer, type RedisServer } from '@zenstack-live/testing'
import pg from 'pg'
import { afterEach, describe, expect, inject, it, vi } from 'vitest'

/*
 * What the readers of the log count on, asked of Debezium Server itself where Java and its distribution are at hand: whatever it was in
 * the middle of when it died, it says afterwards where the transaction ends.
 */

const SETTINGS = join(import.meta.dirname, '../../../debezium/application.properties')
const WAIT = { timeout: 120_000, interval: 50 }

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const resource of open.splice(0).toReversed()) await resource.close()
})

describe.skipIf(findDebezium() === undefined)('a transaction on a live Debezium Server', { timeout: 600_000 }, () => {
  it('is whole in the log though Debezium was killed in the middle of it, or just before its end', async () => {
    const redis = await startRedis()
    open.push({ close: () => redis.stop() })
    const url = await createDatabase(inject('postgresUrl'))
    const client = new pg.Client(url)
    await client.connect()
    await client.query('CREATE TABLE task (id int PRIMARY KEY)')
    const slot = `dbz_${new URL(url).pathname.slice(1)}`
    open.push({
      async close() {
        await client.query('SELECT pg_drop_replication_slot($1)', [slot])
        await client.end()
      },
    })
    await setUpCapture({ url, tables: [{ schema: 'public', name: 'task' }], slot: false })
    const wire = await startWire(redis)
    const debezium = await startSlowly(wire.port, redis, url, slot)
    const log = await openRedisLog({ url: redis.url })
    open.push(log)
    const seen = follow(log)
    const write = (...ids: number[]): Promise<unknown> =>
      client.query(`BEGIN; ${ids.map((id) => `INSERT INTO task VALUES (${id})`).join('; ')}; COMMIT`)

    await write(1, 2)
    await vi.waitFor(() => expect(seen).toEqual(['1', '2!']), WAIT)
    for (const [text, ids, before] of [
      ['{"id":5}', [3, 4, 5, 6], ['3']],
      ['"status":"END"', [7, 8], ['7']],
    ] as const) {
      seen.length = 0
      const cut = wire.cutAt(text)
      await write(...ids)
      await cut
      await debezium.kill()
      wire.mend()
      await vi.waitFor(() => expect(seen).toEqual(before), WAIT)
      await debezium.start()
      await vi.waitFor(() => expect(seen.at(-1)).toContain('!'), WAIT)
      expect(seen).toEqual(ids.map((id) => `${id}${id === ids.at(-1) ? '!' : ''}`))
    }
  })
})

/** Every message by itself, and remembered before the next: so it can die between any two. */
async function startSlowly(port: number, redis: RedisServer, postgresUrl: string, slot: string): Promise<DebeziumServer> {
  const program = findDebezium()
  if (program === undefined) throw new Error('Debezium Server went away.')
  const debezium = await startDebezium({
    program,
    settingsFile: SETTINGS,
    postgresUrl,
    redisUrl: redis.url,
    settings: {
      'debezium.source.slot.name': slot,
      'debezium.sink.redis.address': `127.0.0.1:${port}`,
      'debezium.sink.redis.batch.size': '1',
      'debezium.source.max.batch.size': '1',
      'debezium.source.max.queue.size': '2',
    },
  })
  open.push({ close: () => debezium.stop() })
  return debezium
}

interface Wire {
  port: number
  /** Resolves when a message with this text came: it does not get through, however often it is tried. */
  cutAt(text: string): Promise<void>
  mend(): void
}

/** Between Debezium and Redis. */
async function startWire(redis: RedisServer): Promise<Wire> {
  let cut: { text: string; done: () => void } | undefined
  const server: Server = createServer((socket) => {
    const behind = connect(redis.port, '127.0.0.1')
    const hangUp = (): void => [socket, behind].forEach((side: Socket) => side.destroy())
    for (const side of [socket, behind]) side.on('error', hangUp).on('close', hangUp)
    behind.pipe(socket)
    socket.on('data', (data) => {
      if (cut === undefined || !data.includes(cut.text)) return behind.write(data)
      cut.done()
      return hangUp()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push({ close: () => server.close() })
  return {
    port: (server.address() as AddressInfo).port,
    cutAt: (text) => new Promise((resolve) => (cut = { text, done: resolve })),
    mend: () => (cut = undefined),
  }
}

/** The id of each change as it is handed out, with `!` for the last of its transaction. */
function follow(log: ChangeLog): string[] {
  const [seen, stop] = [[] as string[], new AbortController()]
  const reading = (async () => {
    for await (const page of log.tail(FIRST_ENTRY_ID, { signal: stop.signal }))
      for (const entry of page)
        if (entry.kind === 'change')
          seen.push(`${String((parseChangeEnvelope(entry.value).after as { id: number }).id)}${entry.isLastOfTransaction ? '!' : ''}`)
  })()
  open.push({
    async close() {
      stop.abort()
      await reading
    },
  })
  return seen
}
