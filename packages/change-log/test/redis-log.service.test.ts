import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { startRedis, type Services } from '@zenstack-live/testing'
import { Redis } from 'ioredis'
import { expect, inject, it } from 'vitest'
import { openRedisLog, type ChangeLog } from '../src/index.ts'
import { changeLogContract } from './contract.ts'
import { acquire } from './reader-contract.ts'

changeLogContract('the Redis log', async () => {
  const url: Services['redisUrl'] = inject('redisUrl')
  const name = `test:${randomUUID()}`
  const open = (): Promise<ChangeLog> => openRedisLog({ url, name, limits: { sampleEntries: 1 } })
  return {
    open,
    async reopen(log) {
      await log.close()
      return open()
    },
    pass: (ms) => delay(ms),
    async close() {},
  }
})

it('reads none of the dead letters that are there to make room for another, but once where they were kept without their order', async () => {
  const server = await startRedis()
  const admin = new Redis(server.url)
  const log = await openRedisLog({ url: server.url })
  /** Commands that the server ran for one more letter. */
  const saveOne = async (key: string): Promise<Map<string, number>> => {
    await admin.config('RESETSTAT')
    expect(await log.readers.save(lease, { deadLetters: [{ key, text: key }], maxDeadLetters: 100 })).toEqual({ lettersLost: 1 })
    const stats = await admin.info('commandstats')
    return new Map([...stats.matchAll(/cmdstat_(\w+):calls=(\d+)/g)].map(([, name = '', calls]) => [name, Number(calls)]))
  }
  const lease = await acquire(log, 'mail')
  try {
    const letters = Array.from({ length: 100 }, (_, index) => ({ key: `old ${index}`, text: '' }))
    await log.readers.save(lease, { deadLetters: letters })
    const calls = await saveOne('new 0')
    expect([...calls.keys()]).not.toContain('hgetall')
    expect(Math.max(...calls.values())).toBeLessThan(5)
    // As they were kept before there was an order beside them.
    await admin.del('{zenstack:changes}:dead-order:mail')
    expect((await saveOne('new 1')).get('hgetall')).toBe(1)
    expect([...(await saveOne('new 2')).keys()]).not.toContain('hgetall')
    const kept = (await log.readers.deadLetters('mail')).map(({ key }) => key)
    expect(kept).toEqual([...letters.slice(3).map(({ key }) => key), 'new 0', 'new 1', 'new 2'])
  } finally {
    await log.close()
    admin.disconnect()
    await server.stop()
  }
})
