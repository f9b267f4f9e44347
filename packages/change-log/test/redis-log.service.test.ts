import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Services } from '@zenstack-live/testing'
import { inject } from 'vitest'
import { openRedisLog, type ChangeLog } from '../src/index.ts'
import { changeLogContract } from './contract.ts'

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
