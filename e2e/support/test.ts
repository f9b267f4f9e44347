import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test as base } from '@playwright/test'
import { createDatabase, startPostgres, startRedis, type PostgresServer, type RedisServer } from '@zenstack-live/testing'
import { buildSite } from '@zenstack-live/demo/build-site'
import { startDemo, type Demo } from './demo.ts'
import { Tandem } from './tandem.ts'

interface TestFixtures {
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
  shared: { redis: RedisServer; demo: Demo } | undefined
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
      const redis = await startRedis({ isPersistent: true })
      // Servers that run already: those of docker-compose.yaml, for one.
      const { E2E_DATABASE_URL: serverUrl, E2E_REDIS_URL: redisUrl } = process.env
      const databaseUrl = await (serverUrl === undefined ? postgres.createDatabase() : createDatabase(serverUrl))
      const demo = await startDemo(databaseUrl, redisUrl ?? redis.url, site)
      await use({ redis, demo })
      await demo.stop()
      await redis.stop()
    },
    { scope: 'worker' },
  ],
  redis: async ({ shared }, use) => {
    if (shared !== undefined) return use(shared.redis)
    const redis = await startRedis({ isPersistent: true })
    await use(redis)
    await redis.stop()
  },
  demo: async ({ shared, postgres, redis, site }, use) => {
    if (shared !== undefined) {
      await shared.demo.reset()
      return use(shared.demo)
    }
    const demo = await startDemo(await postgres.createDatabase(), redis.url, site)
    await use(demo)
    await demo.stop()
  },
  tandem: async ({ page, demo }, use) => {
    const tandem = new Tandem(page)
    await tandem.open(demo.url)
    await use(tandem)
  },
})

export { expect } from '@playwright/test'
