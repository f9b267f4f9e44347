import { createLiveClient } from '@zenstack-live/client'
import type { Random } from '../random.ts'
import { createClientNetwork, ORIGIN, type ClientNetwork } from './client-network.ts'
import type { LiveWorld } from './live-world.ts'
import { randomQueries, type FuzzQuery } from './random-queries.ts'
import type { UserId } from './studio.ts'

export interface WatchedQuery {
  readonly query: FuzzQuery
  shown(): unknown
}

interface OpenQuery extends WatchedQuery {
  stop(): void
}

/** One person's client, whose connections go to one edge or the other. */
export interface Watcher extends Pick<ClientNetwork, 'answers' | 'asked'> {
  readonly user: UserId
  readonly queries: readonly WatchedQuery[]
  /** Signs out, and somebody else in. */
  become(user: UserId): void
  /** Closes some queries, and opens as many others. */
  turnPage(): void
  /** Is cut off, and reaches nobody until it is back. */
  leave(): void
  comeBack(): void
  close(): void
}

/** Short, so that what a page let go is let go. */
const LINGER_MS = 200
const MAX_TURNED = 6
const CHANGES = ['note', 'task', 'comment'] as const

export function createWatcher(world: LiveWorld, firstUser: UserId, random: Random, queryCount: number): Watcher {
  let user = firstUser
  const network = createClientNetwork(world, random)
  const live = createLiveClient(world.policies.schema, {
    endpoint: ORIGIN,
    identity: () => user,
    headers: () => ({ 'x-user': user }),
    limits: { minBackoffMs: 10, maxBackoffMs: 100, lingerMs: LINGER_MS },
    sharesSignOut: false,
    fetch: network.fetch,
  })
  // Deletions are refused where only the database knows who may read a row: what else there is to tell is asked for by itself.
  const changes = CHANGES.flatMap((model) => [live[model].changes(), live[model].changes({ created: {}, updated: {} })])
  // Asks by a field that is kept from most.
  const probe = live.note.changes({ updated: { after: { secret: { startsWith: 'tok' } } } })
  const stops: (() => void)[] = [...changes, probe].map((each) => live.subscribe(each as never, () => {}))
  const open = (query: FuzzQuery): OpenQuery => {
    let shown: unknown
    const describe: unknown = Reflect.get(Object(Reflect.get(live, query.model)), query.operation)
    if (typeof describe !== 'function') throw new TypeError(`The client has no ${query.model}.${query.operation}.`)
    const descriptor = Reflect.apply(describe, undefined, [query.args]) as never
    const stop = live.subscribe(descriptor, (state: { data: unknown; error: unknown }) => (shown = state.error ?? state.data))
    return { query, shown: () => shown, stop }
  }
  let queries = randomQueries(random, queryCount, world.policies.kind).map(open)
  return {
    get user() {
      return user
    },
    get queries() {
      return queries
    },
    answers: network.answers,
    asked: network.asked,
    become(next) {
      user = next
      // Read, as the next render would: everything of the one before is gone.
      void live.$status
    },
    turnPage() {
      const closed = queries.slice(random.whole(queries.length)).slice(0, MAX_TURNED)
      const opened = randomQueries(random, closed.length, world.policies.kind).map(open)
      for (const { stop } of closed) stop()
      queries = [...queries.filter((one) => !closed.includes(one)), ...opened]
    },
    leave: network.breakOff,
    comeBack: network.mend,
    close() {
      for (const stop of [...stops, ...queries.map((one) => one.stop)]) stop()
      live.$close()
    },
  }
}
