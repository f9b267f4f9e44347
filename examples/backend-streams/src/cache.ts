import { beforeAfter } from 'zenstack-live'
import type { Live } from './clients.ts'

/** The part of a Redis client that is used here. */
export interface Cache {
  set(key: string, value: string): Promise<unknown>
  del(key: string): Promise<unknown>
}

export async function keepPostsCached(live: Live, cache: Cache, signal?: AbortSignal): Promise<void> {
  const posts = live.stream({
    model: 'Post',
    id: 'cache',
    created: {},
    updated: {},
    deleted: {},
    signal,
  })

  for await (const event of posts) {
    const { after } = beforeAfter(event)
    // Setting and deleting may be repeated without harm.
    if (after === null) await cache.del(`posts:${event.key}`)
    else await cache.set(`posts:${after.id}`, JSON.stringify(after))
  }
}
