import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDatabase } from '@zenstack-live/testing'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, expectTypeOf, inject, it } from 'vitest'
import { ZenStackLive } from 'zenstack-live'
import { createPortGate } from './support/port-gate.ts'

describe('backend streams through the door', () => {
  const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-streams-'))
  let url: string
  let pool: pg.Pool

  beforeAll(async () => {
    url = await createDatabase(inject('postgresUrl'))
    pool = new pg.Pool({ connectionString: url })
    await createClient().$pushSchema()
  })
  afterAll(async () => {
    await pool.end()
    rmSync(directory, { recursive: true, force: true })
  })

  const createClient = () => new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) })
  const open = () =>
    new ZenStackLive({ client: createClient(), database: { url }, slot: 'door_streams', publication: 'door_streams', setUp: true, directory })

  it('give what was committed while nobody listened, and what comes after', async () => {
    const first = open()
    // From here on the slot keeps what is committed.
    await first.ready()
    const seen: string[] = []
    const stream = first.stream({ model: 'User', id: 'welcome', created: {}, start: 'beginning' })
    await pool.query(`INSERT INTO "User" (id, name, role) VALUES ('ann', 'Ann', 'MEMBER')`)
    for await (const event of stream) {
      expectTypeOf(event.created.name).toEqualTypeOf<string>()
      seen.push(event.created.name)
      if (event.created.name === 'Ann') await pool.query(`INSERT INTO "User" (id, name, role) VALUES ('bob', 'Bob', 'MANAGER')`)
      if (event.created.name === 'Bob') break
    }
    await first.close()

    const second = open()
    await second.ready()
    await pool.query(`INSERT INTO "User" (id, name, role) VALUES ('cid', 'Cid', 'MEMBER')`)
    // Leaving a loop acknowledges nothing: Bob comes again.
    const names: string[] = []
    const handle = second.handle({ model: 'User', id: 'welcome', created: {} }, ({ created }) => void names.push(created.name))
    await expect.poll(() => names, { timeout: 20_000 }).toEqual(['Bob', 'Cid'])
    await handle.close()
    await second.close()
    expect(seen).toEqual(['Ann', 'Bob'])
  })

  it('wait for a database and a Redis that are not up yet', async () => {
    const database = await createPortGate(url)
    const redis = await createPortGate(inject('redisUrl'))
    const told: string[] = []
    const logger = { info: () => {}, warn: (message: string) => void told.push(message), error: () => {} }
    const live = new ZenStackLive({
      client: createClient(),
      database: { url: database.url },
      redis: { url: redis.url, name: `late:${randomUUID()}` },
      slot: 'late_streams',
      publication: 'late_streams',
      setUp: true,
      logger,
    })
    const names: string[] = []
    const handle = live.handle({ model: 'User', id: 'welcome', created: {}, start: 'beginning' }, ({ created }) => void names.push(created.name))
    const isTold = async (what: string): Promise<void> =>
      expect.poll(() => told, { timeout: 60_000 }).toContain(`Backend streams wait for ${what} and try again.`)
    await isTold('the database')
    await database.open()
    await isTold('Redis')
    await redis.open()
    await live.ready()
    await pool.query(`INSERT INTO "User" (id, name, role) VALUES ('dan', 'Dan', 'MEMBER')`)
    await expect.poll(() => names, { timeout: 60_000 }).toEqual(['Dan'])
    await handle.close()
    await live.close()
    await Promise.all([database.close(), redis.close()])
    await pool.query(`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'late_streams' AND NOT active`)
  })

  it('say that they need the client itself', async () => {
    const told: string[] = []
    const logger = {
      info: () => {},
      warn: () => {},
      error: (message: string, facts?: object) => void told.push(`${message} ${JSON.stringify(facts)}`),
    }
    const live = new ZenStackLive({ client: { $schema: schema, $options: {} }, database: { url }, logger })
    const handle = live.handle({ model: 'User', id: 'nobody', created: {} }, () => {})
    await expect(handle.ended).rejects.toThrow(/need the ZenStack client itself/)
    // Nobody has to wait for the end: the log says it too.
    expect(told).toEqual([expect.stringMatching(/handler of live\.handle does not run.*need the ZenStack client itself/)])
    await handle.close()
  })
})
