import type { TestProject } from 'vitest/node'
import { startPostgres } from './postgres.ts'
import { startRedis } from './redis.ts'

/** What `inject` gives to a service test. */
export interface Services {
  postgresUrl: string
  redisUrl: string
}

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: Services['postgresUrl']
    redisUrl: Services['redisUrl']
  }
}

/** One Postgres and one Redis for all service tests of a run; each file makes its own database and key prefix in them. */
export default async function setUpServices(project: TestProject): Promise<() => Promise<void>> {
  const redisUrl = process.env['REDIS_URL']
  const [postgres, redis] = await Promise.all([startPostgres(), redisUrl === undefined ? startRedis() : undefined])
  project.provide('postgresUrl', postgres.url)
  project.provide('redisUrl', redis?.url ?? redisUrl ?? '')
  return async () => {
    await Promise.all([postgres.stop(), redis?.stop()])
  }
}
