import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { createLiveClient, type LiveState } from '@zenstack-live/client'
import { freePort, openPool, type RedisServer, startPostgres, startRedis } from '@zenstack-live/testing'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { progress, type CommandOptions } from './command.ts'
import { CartClass, openCarts, type Cart, type CartClient } from './projection/carts.ts'
import type { EdgeJob } from './projection/edge-child.ts'
import { createRandom, type Random } from './random.ts'

/*
 * Clients watch carts, as pure projections and as classes, while events are written, the edge is killed and started again, Redis is killed
 * and started again, and the clients' lines are cut. In the end, what each client shows must equal what `asJson()` gives; on the
 * way a cart never goes back to fewer events, and what nobody may see is never shown.
 */

const CARTS = 6
const SKUS = 40
const EVENTS_PER_BREAK = 400
const SETTLE_MS = 120_000

interface Result {
  name: string
  metrics: Record<string, number>
  failed: boolean
}

interface Watched {
  readonly cartId: string
  /** The last ones. */
  readonly states: LiveState<Cart>[]
  backwards: number
  /** How many states showed a cart. */
  shown: number
}

/** `runs`: events. `mutate`: the edge loses what some patches say. */
export async function run({ runs = 10_000, seed = 1, mutate = false }: CommandOptions): Promise<Result> {
  const random = createRandom(seed)
  const [postgres, redis, port] = await Promise.all([startPostgres(), startRedis({ isPersistent: true }), freePort()])
  const databaseUrl = await postgres.createDatabase()
  const pool = openPool({ connectionString: databaseUrl, max: 8 })
  const carts = openCarts(pool)
  await carts.install()
  await new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) }).$pushSchema()
  const edge = new EdgeProcess({ databaseUrl, redisUrl: redis.url, port, isMutated: mutate })
  await edge.start()
  const line = new Line()
  const live = createLiveClient(schema, {
    endpoint: `http://127.0.0.1:${port}/api/live`,
    fetch: (url, init) => line.fetch(url, init),
    limits: { minBackoffMs: 20, maxBackoffMs: 400 },
  })
  const watched = Array.from({ length: CARTS }, (_, index) => `cart ${index}`).flatMap((cartId) => [
    watch(cartId, (tell) => live.subscribe(live.projection<Cart>('cart', cartId), tell)),
    watch(cartId, (tell) => live.subscribe(live.projection<Cart>('cartClass', cartId), tell)),
  ])
  const refused = watch('forbidden', (tell) => live.subscribe(live.projection<Cart>('cart', 'forbidden'), tell))
  try {
    const chaos = new Chaos(edge, redis, line, createRandom(seed + 1), Math.ceil(runs / EVENTS_PER_BREAK))
    // What is written before anyone watches is in their first snapshot, and tells nothing.
    for (const one of watched) while (one.states.at(-1)?.isLive !== true) await new Promise((resolve) => setTimeout(resolve, 20))
    await write(carts, runs, random, chaos)
    await chaos.mended()
    const mismatches = await settle(carts, watched)
    const backwards = watched.reduce((sum, one) => sum + one.backwards, 0)
    const leaks = refused.shown
    const metrics = { cases: runs, mismatches, backwards, leaks, violations: mismatches + backwards + leaks, ...chaos.counts }
    return { name: 'fuzz-projection', metrics, failed: metrics.violations > 0 !== mutate }
  } finally {
    live.$close()
    await edge.kill()
    await pool.end()
    await Promise.all([redis.stop(), postgres.stop()])
  }
}

function watch(cartId: string, subscribe: (tell: (state: LiveState<Cart>) => void) => unknown): Watched {
  const one: Watched = { cartId, states: [], backwards: 0, shown: 0 }
  subscribe((state) => {
    const before = one.states.at(-1)?.data?.count ?? 0
    if ((state.data?.count ?? before) < before) one.backwards++
    if (state.data !== undefined) one.shown++
    one.states.splice(0, Math.max(0, one.states.length - 10))
    one.states.push(state)
  })
  return one
}

async function write(carts: CartClient, events: number, random: Random, chaos: Chaos): Promise<void> {
  for (let written = 0; written < events;) {
    const batch = Math.min(1 + random.whole(8), events - written)
    const cartId = `cart ${random.whole(CARTS)}`
    await carts.append(
      Array.from({ length: batch }, () => ({
        type: random.whole(3) > 0 ? ('Added' as const) : ('Removed' as const),
        data: { cartId, sku: `sku ${random.whole(SKUS)}` },
      })),
    )
    written += batch
    await chaos.reach(written / events)
    if (written % 1000 < batch) progress(`${written} events`)
  }
}

/** How many of the watched show something else than `asJson()` when nothing happens any more. */
async function settle(carts: CartClient, watched: readonly Watched[]): Promise<number> {
  const expected = new Map<string, string>()
  for (const { cartId } of watched) expected.set(cartId, asText(await new CartClass(cartId, carts).asJson()))
  const differing = (): Watched[] => watched.filter(({ cartId, states }) => asText(states.at(-1)?.data) !== expected.get(cartId))
  for (const deadline = Date.now() + SETTLE_MS; differing().length > 0 && Date.now() < deadline;) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    // Once all are live and nothing comes any more, what differs will not mend itself.
    if (watched.every(({ states }) => states.at(-1)?.isLive === true)) {
      await new Promise((resolve) => setTimeout(resolve, 3_000))
      if (watched.every(({ states }) => states.at(-1)?.isLive === true)) break
    }
  }
  for (const { cartId, states } of differing()) progress(`${cartId}: shown ${JSON.stringify(states.at(-1))}, expected ${expected.get(cartId)}`)
  return differing().length
}

/** The order of members tells nothing; that of lines does. */
function asText(cart: Cart | undefined): string {
  return JSON.stringify([cart?.count, cart?.lines.map(({ sku, quantity }) => [sku, quantity])])
}

/** An edge in a process of its own, to be killed. */
class EdgeProcess {
  readonly #job: EdgeJob
  #child: ChildProcess | undefined

  constructor(job: EdgeJob) {
    this.#job = job
  }

  async start(): Promise<void> {
    const file = fileURLToPath(new URL('projection/edge-child.ts', import.meta.url))
    const env = { ...process.env, EDGE_JOB: JSON.stringify(this.#job) }
    const child = spawn(process.execPath, ['--conditions=@zenstack-live/source', file], { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#child = child
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve())
      child.once('exit', (code) => reject(new Error(`The edge ended with ${code} before it was ready.`)))
    })
  }

  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }
}

/** The way between the clients and the edge. */
class Line {
  #wire = new AbortController()

  fetch(url: string, init: RequestInit = {}): Promise<Response> {
    const signal = init.signal ? AbortSignal.any([init.signal, this.#wire.signal]) : this.#wire.signal
    return fetch(url, { ...init, signal })
  }

  cut(): void {
    const wire = this.#wire
    this.#wire = new AbortController()
    wire.abort()
  }
}

/** Breaks one thing after the other, `breaks` times while the events are written. */
class Chaos {
  readonly counts = { edgeKills: 0, redisKills: 0, cuts: 0 }
  readonly #edge: EdgeProcess
  readonly #redis: RedisServer
  readonly #line: Line
  readonly #random: Random
  readonly #breaks: number
  #begun = 0
  #breaking: Promise<void> = Promise.resolve()

  constructor(edge: EdgeProcess, redis: RedisServer, line: Line, random: Random, breaks: number) {
    this.#edge = edge
    this.#redis = redis
    this.#line = line
    this.#random = random
    this.#breaks = breaks
  }

  /** Begins what is due by this share of the events, which go on meanwhile; waits where the one before is not mended yet. */
  async reach(share: number): Promise<void> {
    if (Math.floor(share * this.#breaks) <= this.#begun) return
    await this.#breaking
    this.#begun++
    this.#breaking = this.#break()
  }

  /** Resolves when everything is whole again. */
  async mended(): Promise<void> {
    await this.#breaking
  }

  async #break(): Promise<void> {
    const what = this.#random.whole(4)
    if (what === 0) {
      this.counts.edgeKills++
      await this.#edge.kill()
      await this.#edge.start()
    } else if (what === 1) {
      this.counts.redisKills++
      await this.#redis.kill()
      await new Promise((resolve) => setTimeout(resolve, this.#random.whole(500)))
      await this.#redis.start()
    } else {
      this.counts.cuts++
      this.#line.cut()
    }
  }
}
