import { createLiveClient } from '@zenstack-live/client'
import { schema } from '@zenstack-live/testing/workspace'
import { serialize } from '@zenstackhq/client-helpers/fetch'
import { progress, type CommandOptions } from './command.ts'
import { openLiveWorld, USERS, type LiveWorld, type UserId } from './live/live-world.ts'
import { randomQueries, type FuzzQuery } from './live/random-queries.ts'
import { createTokens, fill, writeOnce, type Tokens } from './live/random-writes.ts'
import { createRandom, type Random } from './random.ts'

/*
 * Three people look at twenty queries each, over two edges, while the database changes at random and connections are cut. At
 * each quiet point what every client shows must be what its policy-bound client reads; and every traceable text in every byte
 * that was sent must have been readable for that person in some state of the database while it was open.
 */

interface Result {
  name: string
  cases: number
  mismatches: number
  leaks: number
  failed: boolean
  [kind: string]: unknown
}

const WRITES_PER_RUN = 40
const QUERIES_PER_USER = 12
const QUIET_MS = 8_000
const TOKEN = /tok\d{6}x|7\d{7}/g

/** `runs`: worlds of random queries and writes. `--mutate`: what joins snapshots and the stream is switched off. */
export async function run({ seed = 1, runs = 10, mutate = false }: CommandOptions): Promise<Result> {
  const guards = mutate ? { dropsSeen: false, looksBehind: false, waitsForCause: false, holdsIds: false } : {}
  const world = await openLiveWorld({ guards })
  const result: Result = { name: 'live', cases: 0, mismatches: 0, leaks: 0, failed: false }
  try {
    for (let index = 0; index < runs; index++) {
      const outcome = await runOnce(world, createRandom(seed + index * 7919))
      result.cases += outcome.cases
      result.mismatches += outcome.mismatches
      result.leaks += outcome.leaks
      progress(`run ${index + 1}: ${outcome.cases} comparisons, ${outcome.mismatches} mismatches, ${outcome.leaks} leaks`)
    }
  } finally {
    await world.close()
  }
  return { ...result, failed: result.mismatches + result.leaks > 0 }
}

interface Watcher {
  user: UserId
  queries: { query: FuzzQuery; shown(): unknown }[]
  bytes(): string
  close(): void
}

async function runOnce(world: LiveWorld, random: Random): Promise<{ cases: number; mismatches: number; leaks: number }> {
  const tokens = createTokens()
  await fill(world, tokens)
  const readable = new Map<UserId, Set<string>>(USERS.map((user) => [user, new Set()]))
  await addReadable(world, readable)
  const watchers = USERS.map((user) => watch(world, user, random))
  const outcome = { cases: 0, mismatches: 0, leaks: 0 }
  try {
    for (let write = 0; write < WRITES_PER_RUN; write++) {
      await writeTraced(world, random, tokens, readable)
      if (random.chance(0.08)) await fault(world, random)
      if (write % 10 === 9) {
        const compared = await compareAll(world, watchers)
        outcome.cases += compared.cases
        outcome.mismatches += compared.mismatches
      }
    }
    outcome.leaks = watchers.map((watcher) => countLeaks(watcher, readable.get(watcher.user) ?? new Set())).reduce((sum, count) => sum + count, 0)
  } finally {
    for (const watcher of watchers) watcher.close()
  }
  return outcome
}

/** States are visited one by one, so that what could be read in each of them is known. */
async function writeTraced(world: LiveWorld, random: Random, tokens: Tokens, readable: Map<UserId, Set<string>>): Promise<void> {
  await writeOnce(world, random, tokens)
  await addReadable(world, readable)
}

async function addReadable(world: LiveWorld, readable: Map<UserId, Set<string>>): Promise<void> {
  await Promise.all(
    USERS.map(async (user) => {
      const client = await world.clientOf(user)
      const all = await Promise.all([
        client.user.findMany(),
        client.space.findMany(),
        client.task.findMany(),
        client.comment.findMany(),
        client.note.findMany(),
      ])
      for (const token of textOf(all).match(TOKEN) ?? []) readable.get(user)?.add(token)
    }),
  )
}

async function fault(world: LiveWorld, random: Random): Promise<void> {
  const edge = random.whole(2)
  if (random.chance(0.3)) await world.restart(edge)
  else world.cut(edge)
}

/** One person's client, whose connections go to one edge or the other. */
function watch(world: LiveWorld, user: UserId, random: Random): Watcher {
  let bytes = ''
  const live = createLiveClient(schema, {
    endpoint: 'http://live.test',
    identity: () => user,
    headers: { 'x-user': user },
    limits: { minBackoffMs: 10, maxBackoffMs: 100 },
    async fetch(url, init) {
      const response = await fetch(url.replace('http://live.test', world.base(random.whole(2))), init)
      if (response.body === null) return response
      const decoder = new TextDecoder()
      const traced = response.body.pipeThrough(
        new TransformStream<Uint8Array, Uint8Array>({
          transform(chunk, controller) {
            bytes += decoder.decode(chunk, { stream: true })
            controller.enqueue(chunk)
          },
        }),
      )
      return new Response(traced, response)
    },
  })
  const stops: (() => void)[] = []
  const queries = randomQueries(random, QUERIES_PER_USER).map((query) => {
    let shown: unknown
    const operations: unknown = Reflect.get(live, query.model)
    const describe: unknown = Reflect.get(Object(operations), query.operation)
    if (typeof describe !== 'function') throw new TypeError(`The client has no ${query.model}.${query.operation}.`)
    const descriptor = Reflect.apply(describe, operations, [query.args]) as Parameters<typeof live.subscribe>[0]
    stops.push(live.subscribe(descriptor as never, (state: { data: unknown; error: unknown }) => (shown = state.error ?? state.data)))
    return { query, shown: () => shown }
  })
  return {
    user,
    queries,
    bytes: () => bytes,
    close() {
      for (const stop of stops) stop()
      live.$close()
    },
  }
}

async function compareAll(world: LiveWorld, watchers: readonly Watcher[]): Promise<{ cases: number; mismatches: number }> {
  await world.caughtUp()
  const expected = new Map<Watcher['queries'][number], string>()
  for (const { user, queries } of watchers) {
    const client = await world.clientOf(user)
    await Promise.all(queries.map(async (one) => expected.set(one, textOf(await ask(client, one.query)))))
  }
  const until = performance.now() + QUIET_MS
  const different = (): Watcher['queries'] => [...expected].filter(([one, text]) => textOf(one.shown()) !== text).map(([one]) => one)
  while (different().length > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20))
  for (const one of different()) {
    progress(
      `MISMATCH ${JSON.stringify(one.query)}\n  expected ${expected.get(one)?.slice(0, 2_000)}\n  shown    ${textOf(one.shown()).slice(0, 2_000)}`,
    )
  }
  return { cases: expected.size, mismatches: different().length }
}

function ask(client: object, query: FuzzQuery): Promise<unknown> {
  const crud: unknown = Reflect.get(client, query.model)
  const operation: unknown = Reflect.get(Object(crud), query.operation)
  if (typeof operation !== 'function') throw new TypeError(`ZenStack has no ${query.model}.${query.operation}.`)
  return Reflect.apply(operation, crud, query.args === undefined ? [] : [query.args]) as Promise<unknown>
}

function countLeaks(watcher: Watcher, readable: ReadonlySet<string>): number {
  const sent = new Set(watcher.bytes().match(TOKEN))
  const leaked = [...sent].filter((token) => !readable.has(token))
  for (const token of leaked) {
    const at = watcher.bytes().indexOf(token)
    progress(`LEAK to ${watcher.user}: ${watcher.bytes().slice(Math.max(0, at - 600), at + 100)}`)
  }
  return leaked.length
}

/** Values with their types, so that 1 is not "1" and a date not its text. */
function textOf(value: unknown): string {
  const { data, meta } = serialize(value)
  return JSON.stringify([data, Object(meta).values])
}
