import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDatabase, type Services } from '@zenstack-live/testing'
import { Redis } from 'ioredis'
import { expect, inject, it, vi } from 'vitest'
import { openDatabase, openLive, type Database, type Live } from '../src/clients.ts'
import { startOfConsumerGroup } from '../src/migrate-start.ts'

const STREAM = 'zenstack.table.public.User'
const GROUP = 'send-welcome-email'
/** By how much the two captures may differ. */
const LATENCY_MS = 1000
const PATIENCE_MS = 30_000

it('moves from consumer groups on per-table streams without losing an event', async () => {
  const serverUrl: Services['postgresUrl'] = inject('postgresUrl')
  const redisUrl: Services['redisUrl'] = inject('redisUrl')
  const databaseUrl = await createDatabase(serverUrl)
  const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-migrate-'))
  const db = openDatabase(databaseUrl)
  await db.$pushSchema()
  const redis = new Redis(redisUrl)
  // Step 1: the new capture runs beside the old one.
  const live = openLive(db, { databaseUrl, directory, slot: 'example_migrate' })
  await live.ready()
  const stopDebezium = await debezium(live, redis)
  await redis.xgroup('CREATE', STREAM, GROUP, '0', 'MKSTREAM')

  const handled: string[] = []
  await createUsers(db, 1, 10)
  await oldConsumer(redis, handled, { entries: 10 })
  expect(handled).toHaveLength(10)
  await becomesHistory(redis)
  await createUsers(db, 11, 20)
  await vi.waitFor(async () => expect(await redis.xlen(STREAM)).toBe(10), PATIENCE_MS)
  // It dies after two of the second batch of five.
  await oldConsumer(redis, handled, { entries: 7 })
  const handledByOld = [...handled]
  // Step 2: the old application is stopped; users go on arriving.
  await createUsers(db, 21, 25)
  await vi.waitFor(async () => expect(await redis.xlen(STREAM)).toBe(8), PATIENCE_MS)

  // Step 3: the new stream begins where the old group may have left something.
  const start = await startOfConsumerGroup(redis, STREAM, GROUP, { latencyMs: LATENCY_MS })
  const repeats: string[] = []
  const stream = live.stream({ model: 'User', id: 'send-welcome-email', start, created: {} })
  for await (const event of stream) {
    if (handledByOld.includes(event.created.name)) repeats.push(event.created.name)
    handled.push(event.created.name)
    if (event.created.name === 'user 25') break
  }
  expect(new Set(handled)).toEqual(new Set(Array.from({ length: 25 }, (_, index) => `user ${index + 1}`)))
  // What was handled long before does not come again.
  expect(repeats.every((name) => Number(name.slice(5)) > 10)).toBe(true)

  await stopDebezium()
  await live.close()
  await redis.del(STREAM)
  redis.disconnect()
  await db.$disconnect()
  rmSync(directory, { recursive: true, force: true })
})

/** Writes as Debezium Server does when it is not routed into one stream: one stream per table, compact messages. */
async function debezium(live: Live, redis: Redis): Promise<() => Promise<void>> {
  const stop = new AbortController()
  const log = await live.log()
  const { newest, beginning } = await log.state()
  const ended = (async () => {
    for await (const page of log.tail(newest ?? beginning, { signal: stop.signal })) {
      for (const entry of page) {
        if (entry.kind === 'change' && entry.value.includes('"table":"User"')) await redis.xadd(STREAM, '*', entry.key ?? 'default', entry.value)
      }
    }
  })()
  return async () => {
    stop.abort()
    await ended
  }
}

/** The consumer of the first version: batches of five, acknowledged and deleted one by one; what it had fetched is forgotten when it dies. */
async function oldConsumer(redis: Redis, handled: string[], { entries }: { entries: number }): Promise<void> {
  for (let count = 0; count < entries;) {
    const reply = (await redis.xreadgroup('GROUP', GROUP, 'zenstack', 'COUNT', 5, 'BLOCK', 5000, 'STREAMS', STREAM, '>')) as
      | [string, [string, string[]][]][]
      | null
    for (const [id, fields] of reply?.[0]?.[1] ?? []) {
      if (count === entries) return
      count++
      handled.push((JSON.parse(fields[1] ?? '{}') as { after: { name: string } }).after.name)
      await redis.xack(STREAM, GROUP, id)
      await redis.xdel(STREAM, id)
    }
  }
}

/** Resolves when all that was delivered lies further back than the captures may differ. */
async function becomesHistory(redis: Redis): Promise<void> {
  const groups = (await redis.xinfo('GROUPS', STREAM)) as string[][]
  const delivered = groups[0]?.[groups[0].indexOf('last-delivered-id') + 1] ?? ''
  const isHistory = async (): Promise<boolean> => {
    const [seconds, micros] = await redis.time()
    return Number(seconds) * 1000 + Number(micros) / 1000 - Number(delivered.split('-')[0]) > LATENCY_MS
  }
  await vi.waitUntil(isHistory, PATIENCE_MS)
}

async function createUsers(db: Database, from: number, to: number): Promise<void> {
  for (let index = from; index <= to; index++) await db.user.create({ data: { email: `${index}@example.org`, name: `user ${index}` } })
}
