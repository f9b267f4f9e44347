import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test as base } from '@playwright/test'
import { createDatabase, startPostgres, startRedis, type PostgresServer, type RedisServer } from '@zenstack-live/testing'
import { buildSite } from '@zenstack-live/demo/build-site'
import { startDemo, type Demo } from './demo.ts'
import { Tandem } from './tandem.ts'

interface TestFixtures {
  /** A Redis and the demo on it for one test; `undefined` where a demo is shared. */
  own: Served | undefined
  /** The Redis of this test alone: not where a demo is shared. */
  redis: RedisServer
  /** A demo with the sample data as it was seeded, which has sent nothing to anyone yet. */
  demo: Demo
  /** Its page, opened, with both people's rows on screen. */
  tandem: Tandem
}

interface WorkerFixtures {
  /** Whether the tests of a worker share a demo process. Those that end or starve it have one each. */
  isDemoShared: boolean
  /** The page, built once. */
  site: string
  postgres: PostgresServer
  shared: Demo | undefined
}

interface Served {
  redis: RedisServer
  demo: Demo
}

/** Every test has its own rows and browser context; where `isDemoShared` is off also its own database, Redis and demo process. */
export const test = base.extend<TestFixtures, WorkerFixtures>({
  isDemoShared: [true, { scope: 'worker', option: true }],
  site: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright reads the fixtures it needs from this pattern.
    async ({}, use) => {
      const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-site-'))
      await buildSite(directory)
      await use(directory)
      rmSync(directory, { recursive: true, force: true })
    },
    { scope: 'worker' },
  ],
  postgres: [
    // oxlint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const postgres = await startPostgres()
      await use(postgres)
      await postgres.stop()
    },
    { scope: 'worker' },
  ],
  shared: [
    async ({ isDemoShared, postgres, site }, use) => {
      if (!isDemoShared) return use(undefined)
      // Servers that run already: those of docker-compose.yaml, for one.
      const { E2E_DATABASE_URL: serverUrl, E2E_REDIS_URL: redisUrl } = process.env
      const redis = redisUrl === undefined ? await startRedis({ isPersistent: true }) : { url: redisUrl, stop: async () => {} }
      const databaseUrl = await (serverUrl === undefined ? postgres.createDatabase() : createDatabase(serverUrl))
      const demo = await startDemo(databaseUrl, redis.url, site)
      await use(demo)
      await demo.stop()
      await redis.stop()
    },
    { scope: 'worker' },
  ],
  own: async ({ shared, postgres, site }, use) => {
    if (shared !== undefined) return use(undefined)
    const redis = await startRedis({ isPersistent: true })
    const demo = await startDemo(await postgres.createDatabase(), redis.url, site)
    await use({ redis, demo })
    await demo.stop()
    await redis.stop()
  },
  redis: async ({ own }, use) => {
    if (own === undefined) throw new Error('Others share this Redis. Let the test have a demo of its own: `test.use({ isDemoShared: false })`.')
    await use(own.redis)
  },
  demo: async ({ shared, own }, use) => {
    await shared?.reset()
    const demo = shared ?? own?.demo
    if (demo === undefined) throw new Error('No demo was started.')
    await use(demo)
  },
  tandem: async ({ page, demo }, use) => {
    const tandem = new Tandem(page)
    await tandem.open(demo.url)
    await use(tandem)
  },
})

export { expect } from '@playwright/test'
