import { createDatabase } from '@zenstack-live/testing'
import { Redis } from 'ioredis'
import pg from 'pg'
import { describe, expect, inject, it } from 'vitest'

describe('the services of a test run', () => {
  it('have logical replication switched on', async () => {
    const client = new pg.Client(await createDatabase(inject('postgresUrl')))
    await client.connect()
    expect((await client.query('SHOW wal_level')).rows).toEqual([{ wal_level: 'logical' }])
    await client.end()
  })

  it('include a Redis with streams', async () => {
    const redis = new Redis(inject('redisUrl'))
    expect(await redis.xadd('services-test', '1-1', 'a', 'b')).toBe('1-1')
    redis.disconnect()
  })
})
