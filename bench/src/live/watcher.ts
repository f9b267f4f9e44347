import { createLiveClient } from '@zenstack-live/client'
import { queryId } from '@zenstack-live/protocol'
import type { Random } from '../random.ts'
import type { LiveWorld } from './live-world.ts'
import { randomQueries, type FuzzQuery } from './random-queries.ts'
import type { UserId } from './studio.ts'

export interface WatchedQuery {
  readonly query: FuzzQuery
  shown(): unknown
}

/** One answer of an edge: for whom it was, and all its bytes. */
export interface Answer {
  readonly user: UserId
  bytes: string
}

/** One person's client, whose connections go to one edge or the other. */
export interface Watcher {
  readonly user: UserId
  readonly queries: readonly WatchedQuery[]
  readonly answers: readonly Answer[]
  /** Queries that do not show the id, or not to everybody. */
  readonly hiddenKeyQueries: ReadonlySet<string>
  /** Signs out, and somebody else in. */
  become(user: UserId): void
  close(): void
}

const ORIGIN = 'http://live.test/api/live'
const CHANGES = ['note', 'task', 'comment'] as const

export function createWatcher(world: LiveWorld, firstUser: UserId, random: Random, queryCount: number): Watcher {
  let user = firstUser
  const answers: Answer[] = []
  const live = createLiveClient(world.policies.schema, {
    endpoint: ORIGIN,
    identity: () => user,
    headers: () => ({ 'x-user': user }),
    limits: { minBackoffMs: 10, maxBackoffMs: 100 },
    sharesSignOut: false,
    async fetch(url, init) {
      const { base } = random.pick([...world.edges])
      const asked = new Headers(init?.headers).get('x-user') as UserId
      const response = await fetch(url.replace(ORIGIN, base), init)
      return response.body === null ? response : traced(response, asked, answers)
    },
  })
  // Deletions are refused where only the database knows who may read a row: what else there is to tell is asked for by itself.
  const changes = CHANGES.flatMap((model) => [live[model].changes(), live[model].changes({ created: {}, updated: {} })])
  const stops: (() => void)[] = changes.map((each) => live.subscribe(each as never, () => {}))
  const asked = randomQueries(random, queryCount, world.policies.kind)
  const queries = asked.map((query): WatchedQuery => {
    let shown: unknown
    const describe: unknown = Reflect.get(Object(Reflect.get(live, query.model)), query.operation)
    if (typeof describe !== 'function') throw new TypeError(`The client has no ${query.model}.${query.operation}.`)
    const descriptor = Reflect.apply(describe, undefined, [query.args]) as never
    stops.push(live.subscribe(descriptor, (state: { data: unknown; error: unknown }) => (shown = state.error ?? state.data)))
    return { query, shown: () => shown }
  })
  return {
    get user() {
      return user
    },
    queries,
    answers,
    hiddenKeyQueries: new Set(
      asked
        .filter((query) => hidesId(query) || world.policies.guardedIds.has(query.model))
        .map(({ model, operation, args }) => queryId({ model: model.slice(0, 1).toUpperCase() + model.slice(1), operation, args })),
    ),
    become(next) {
      user = next
      // Read, as the next render would: everything of the one before is gone.
      void live.$status
    },
    close() {
      for (const stop of stops) stop()
      live.$close()
    },
  }
}

function hidesId({ model, args }: FuzzQuery): boolean {
  const select: unknown = args?.['select']
  return model === 'note' && typeof select === 'object' && select !== null && !('id' in select)
}

function traced(response: Response, user: UserId, answers: Answer[]): Response {
  const answer: Answer = { user, bytes: '' }
  answers.push(answer)
  const decoder = new TextDecoder()
  const body = response.body?.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        answer.bytes += decoder.decode(chunk, { stream: true })
        controller.enqueue(chunk)
      },
    }),
  )
  return new Response(body ?? null, response)
}
