import type { EdgeOptions } from '@zenstack-live/edge'
import { edgeInProcess, edgeOfItsOwn, type FuzzedEdge } from './edges.ts'
import type { LiveGround } from './live-ground.ts'
import { openObservedCommits, type ObservedCommits } from './observed-commits.ts'
import type { StudioPolicies } from './studio-policies.ts'
import { createStudio, type Studio } from './studio.ts'

/** Two edges under one set of policies: with the ground, everything on the way but the browser. */
export interface LiveWorld extends Studio {
  readonly policies: StudioPolicies
  readonly commits: ObservedCommits
  readonly edges: readonly FuzzedEdge[]
  /** Where there is a Redis: ends it without a word, and starts it again. */
  readonly restartRedis: (() => Promise<void>) | undefined
  caughtUp(): Promise<void>
  /** Leaves the ground as it is. */
  close(): Promise<void>
}

export async function openLiveWorld(ground: LiveGround, policies: StudioPolicies, edgeOptions: Partial<EdgeOptions> = {}): Promise<LiveWorld> {
  const { url, log, redis } = ground
  const studio = createStudio(policies.schema, ground.pool)
  const open = (): Promise<FuzzedEdge> =>
    redis === undefined
      ? edgeInProcess(log, url, studio, { schema: policies.schema, ...edgeOptions })
      : edgeOfItsOwn({ databaseUrl: url, redisUrl: redis.url, schema: policies.schema })
  const edges = [await open(), await open()]
  const commits = await openObservedCommits(url, policies)
  return {
    ...studio,
    policies,
    commits,
    edges,
    restartRedis:
      redis === undefined
        ? undefined
        : async () => {
            await redis.kill()
            await redis.start()
          },
    caughtUp: () => ground.caughtUp(),
    async close() {
      await Promise.all(edges.map((edge) => edge.close()))
      await commits.close()
    },
  }
}
