import { createLiveClient } from '@zenstack-live/client'
import { queryId, type LiveRequestBody, type WireQuery } from '@zenstack-live/protocol'
import { deserialize } from '@zenstackhq/client-helpers/fetch'
import type { Random } from '../random.ts'
import type { LiveWorld } from './live-world.ts'
import { randomQueries, type FuzzQuery } from './random-queries.ts'
import type { UserId } from './studio.ts'

export interface WatchedQuery {
  readonly query: FuzzQuery
  shown(): unknown
}

/** One answer of an edge: for whom it was, and all that came. */
export interface Answer {
  readonly user: UserId
  readonly chunks: Chunk[]
}

export interface Chunk {
  readonly text: string
  /** How many transactions had been sent off when it came. */
  readonly begun: number
}

/** What a client asked an edge. */
export interface AskedQuery extends Pick<WireQuery, 'model' | 'operation'> {
  readonly args: Readonly<Record<string, unknown>>
  /** It does not show the id, or not to everybody. */
  readonly hidesKeys: boolean
}

/** One person's client, whose connections go to one edge or the other. */
export interface Watcher {
  readonly user: UserId
  readonly queries: readonly WatchedQuery[]
  readonly answers: readonly Answer[]
  /** By their ids on the wire. */
  readonly asked: ReadonlyMap<string, AskedQuery>
  /** Signs out, and somebody else in. */
  become(user: UserId): void
  close(): void
}

const ORIGIN = 'http://live.test/api/live'
const CHANGES = ['note', 'task', 'comment'] as const

export function createWatcher(world: LiveWorld, firstUser: UserId, random: Random, queryCount: number): Watcher {
  let user = firstUser
  const answers: Answer[] = []
  const answerTo = (by: UserId): Answer => {
    const answer: Answer = { user: by, chunks: [] }
    answers.push(answer)
    return answer
  }
  const asked = new Map<string, AskedQuery>()
  const live = createLiveClient(world.policies.schema, {
    endpoint: ORIGIN,
    identity: () => user,
    headers: () => ({ 'x-user': user }),
    limits: { minBackoffMs: 10, maxBackoffMs: 100 },
    sharesSignOut: false,
    async fetch(url, init) {
      const { base } = random.pick([...world.edges])
      const by = new Headers(init?.headers).get('x-user') as UserId
      for (const wire of queriesIn(init?.body)) asked.set(queryId(wire), askedQuery(wire, world.policies.guardedIds))
      const response = await fetch(url.replace(ORIGIN, base), init)
      return response.body === null ? response : traced(response, answerTo(by), () => world.commits.begun)
    },
  })
  // Deletions are refused where only the database knows who may read a row: what else there is to tell is asked for by itself.
  const changes = CHANGES.flatMap((model) => [live[model].changes(), live[model].changes({ created: {}, updated: {} })])
  const stops: (() => void)[] = changes.map((each) => live.subscribe(each as never, () => {}))
  const queries = randomQueries(random, queryCount, world.policies.kind).map((query): WatchedQuery => {
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
    asked,
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

/** Of a request for a stream. */
function queriesIn(body: unknown): readonly WireQuery[] {
  return typeof body === 'string' ? ((JSON.parse(body) as Partial<LiveRequestBody>).queries ?? []) : []
}

function askedQuery({ model, operation, args, meta }: WireQuery, guardedIds: ReadonlySet<string>): AskedQuery {
  const given = (args === undefined ? {} : deserialize(args, meta)) as Record<string, unknown>
  const select: unknown = given['select']
  const isIdSelected = typeof select !== 'object' || select === null || 'id' in select
  return { model, operation, args: given, hidesKeys: !isIdSelected || guardedIds.has(model.toLowerCase()) }
}

function traced(response: Response, { chunks }: Answer, begun: () => number): Response {
  const decoder = new TextDecoder()
  const body = response.body?.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        chunks.push({ text: decoder.decode(chunk, { stream: true }), begun: begun() })
        controller.enqueue(chunk)
      },
    }),
  )
  return new Response(body ?? null, response)
}
