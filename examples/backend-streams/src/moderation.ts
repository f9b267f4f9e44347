import type { StreamHandle } from 'zenstack-live'
import type { Database, Live } from './clients.ts'

export type AnalyzeSentiment = (post: { title: string; body: string }) => Promise<'fine' | 'rude'>

/** Asks a slow service about several posts at a time; when it fails, the post is tried again, and in the end set aside. */
export function moderatePosts(live: Live, db: Database, analyzeSentiment: AnalyzeSentiment, signal?: AbortSignal): StreamHandle {
  return live.handle(
    {
      model: 'Post',
      id: 'sentiment-moderation',
      created: {
        OR: [{ title: { contains: 'ugly', mode: 'insensitive' } }, { title: { contains: 'stupid', mode: 'insensitive' } }],
      },
      signal,
    },
    async (event) => {
      const post = event.created
      const sentiment = await analyzeSentiment(post)
      if (sentiment === 'rude') await db.user.update({ where: { id: post.authorId }, data: { isSuspended: true } })
    },
    { concurrency: 4, maxDeliveries: 3, backoff: (deliveries) => deliveries * 100 },
  )
}
