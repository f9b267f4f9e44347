import { loadavg } from 'node:os'
import {
  compileRowPlan,
  createInterestIndex,
  interestOfQuery,
  transition,
  type Auth,
  type InterestIndex,
  type Registration,
  type RowPlan,
} from '@zenstack-live/access'
import type { DataModel, Model, StoredRow } from '@zenstack-live/model'
import { collectGarbage } from './collect-garbage.ts'
import { progress, type CommandOptions, type CommandResult } from './command.ts'
import { matchWorld } from './match/match-world.ts'
import { createRandom, type Random } from './random.ts'

const SIZES = [1_000, 10_000, 100_000, 1_000_000]
const CHANGES = 20_000
const BRUTE_FORCE_SIZE = 10_000

interface OpenQuery {
  readonly plan: RowPlan
  readonly auth: Auth
}

interface Opened {
  readonly index: InterestIndex<OpenQuery>
  readonly queries: readonly OpenQuery[]
  readonly registrations: Registration<OpenQuery>[]
  readonly addMicros: number
  readonly bytesPerQuery: number
}

/**
 * What one process pays for one change when many queries are open, each of a different user with a different equality filter: look the
 * change up, decide `where` and policy for what was found. Beside it the loop over all queries, and queries that no index can help.
 */
export async function run(options: CommandOptions): Promise<CommandResult> {
  const random = createRandom(options.seed ?? 1)
  const data = matchWorld()
  const model = data.models.get('Task')
  if (model === undefined) throw new Error('The world of this benchmark has no tasks.')
  const metrics: Record<string, number> = {}
  for (const size of SIZES) {
    const opened = open(data, model, size)
    const label = size === 1_000_000 ? '1m' : `${size / 1000}k`
    const { micros, probes } = measure(opened.index, model, random, size)
    metrics[`matchMicros${label}`] = micros
    metrics[`probes${label}`] = probes
    if (size === BRUTE_FORCE_SIZE) metrics['bruteForceMicros10k'] = bruteForce(opened.queries, random, size)
    if (size === SIZES.at(-1)) {
      metrics['addMicros'] = opened.addMicros
      metrics['bytesPerQuery'] = opened.bytesPerQuery
      metrics['removeMicros'] = remove(opened)
    }
    progress(`${size} queries: ${micros.toFixed(2)} µs per change`)
  }
  metrics['notIndexableMicros1k'] = notIndexable(data, model, random)
  metrics['speedUpAt10k'] = (metrics['bruteForceMicros10k'] ?? 0) / (metrics['matchMicros10k'] ?? 1)
  metrics['growth1kTo1m'] = (metrics['matchMicros1m'] ?? 0) / (metrics['matchMicros1k'] ?? 1)
  const load = loadavg().map((each) => each.toFixed(1))
  return {
    name: 'match',
    metrics,
    notes: [`${CHANGES} updates per size; each concerns one open query and another row of its list`, `load average ${load.join(' ')}`],
  }
}

function open(data: DataModel, model: Model, size: number): Opened {
  const index = createInterestIndex<OpenQuery>()
  const queries: OpenQuery[] = []
  const registrations: Registration<OpenQuery>[] = []
  queries.length = size
  registrations.length = size
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  const start = performance.now()
  for (let place = 0; place < size; place++) {
    const where = { listId: place }
    const auth = { id: place }
    const query = { plan: compileRowPlan(data, { model: 'Task', where, isPolicyOn: true }), auth }
    queries[place] = query
    registrations[place] = index.add(model, interestOfQuery(data, { model: 'Task', where, isPolicyOn: true, context: { auth, now: 0 } }), query)
  }
  const addMicros = ((performance.now() - start) * 1000) / size
  collectGarbage()
  return { index, queries, registrations, addMicros, bytesPerQuery: (process.memoryUsage().heapUsed - before) / size }
}

function changeOf(random: Random, size: number): { before: StoredRow; after: StoredRow } {
  const listId = random.whole(size)
  const before = { id: random.whole(1_000_000), listId, title: 'before', ownerId: listId, isPrivate: random.chance(0.5) }
  return { before, after: { ...before, title: 'after' } }
}

function measure(index: InterestIndex<OpenQuery>, model: Model, random: Random, size: number): { micros: number; probes: number } {
  const changes = Array.from({ length: CHANGES }, () => changeOf(random, size))
  let updates = 0
  let probes = 0
  const pass = (): number => {
    const start = performance.now()
    for (const { before, after } of changes) {
      index.match(model, before, after, ({ plan, auth }) => {
        if (transition(plan, before, after, { auth, now: 0 }).kind === 'update') updates++
      })
      probes = Math.max(probes, index.lastProbes)
    }
    return ((performance.now() - start) * 1000) / CHANGES
  }
  pass()
  updates = 0
  const micros = Math.min(pass(), pass(), pass())
  if (updates !== CHANGES * 3) throw new Error(`${updates} of ${CHANGES * 3} changes were found.`)
  return { micros, probes }
}

/** Every query decides every change. */
function bruteForce(queries: readonly OpenQuery[], random: Random, size: number): number {
  const changes = Array.from({ length: 100 }, () => changeOf(random, size))
  let updates = 0
  const start = performance.now()
  for (const { before, after } of changes) {
    for (const { plan, auth } of queries) if (transition(plan, before, after, { auth, now: 0 }).kind === 'update') updates++
  }
  if (updates !== changes.length) throw new Error(`${updates} of ${changes.length} changes were found.`)
  return ((performance.now() - start) * 1000) / changes.length
}

function remove({ index, registrations }: Opened): number {
  const start = performance.now()
  for (const registration of registrations) index.remove(registration)
  const micros = ((performance.now() - start) * 1000) / registrations.length
  if (index.size !== 0) throw new Error(`${index.size} queries were not removed.`)
  return micros
}

/** A search inside a text, without policies: each change is decided for each of them. */
function notIndexable(data: DataModel, model: Model, random: Random): number {
  const index = createInterestIndex<OpenQuery>()
  for (let place = 0; place < 1000; place++) {
    const where = { title: { contains: `word ${place}` } }
    const query = { plan: compileRowPlan(data, { model: 'Task', where, isPolicyOn: false }), auth: null }
    index.add(model, interestOfQuery(data, { model: 'Task', where, isPolicyOn: false }), query)
  }
  const changes = Array.from({ length: 500 }, () => changeOf(random, 1000))
  const start = performance.now()
  for (const { before, after } of changes)
    index.match(model, before, after, ({ plan, auth }) => void transition(plan, before, after, { auth, now: 0 }))
  return ((performance.now() - start) * 1000) / changes.length
}
