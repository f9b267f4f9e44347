import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test as base } from '@playwright/test'
import { startPostgres, startRedis, type PostgresServer, type RedisServer } from '@zenstack-live/testing'
import { buildSite } from '@zenstack-live/demo/build-site'
import { startDemo, type Demo } from './demo.ts'
import { Tandem } from './tandem.ts'

interface TestFixtures {
  redis: RedisServer
  /** A demo on a fresh database and a fresh Redis. */
  demo: Demo
  /** Its page, opened, with both people's rows on screen. */
  tandem: Tandem
}

interface WorkerFixtures {
  /** The page, built once. */
  site: string
  postgres: PostgresServer
}

/** Every test has its own database, Redis, demo process and browser context; a worker shares one Postgres server. */
export const test = base.extend<TestFixtures, WorkerFixtures>({
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
  // oxlint-disable-next-line no-empty-pattern
  redis: async ({}, use) => {
    const redis = await startRedis({ isPersistent: true })
    await use(redis)
    await redis.stop()
  },
  demo: async ({ postgres, redis, site }, use) => {
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
