import { MutationCache, QueryClient, type QueryKey } from '@tanstack/react-query'
import { createLiveClient } from '@zenstack-live/client'
import { loadLater } from '@zenstack-live/client/internal'
import { parseEntryId, type QueryId } from '@zenstack-live/protocol'
import { createFakeEdge, type FakeEdge, type FakeRead } from '@zenstack-live/testing/fake-edge'
import { schema } from '@zenstack-live/testing/workspace'
import { createOptimisticUpdater, type QueryInfo } from '@zenstackhq/client-helpers'
import { fetcher, marshal } from '@zenstackhq/client-helpers/fetch'
import { getQueryKey } from '@zenstackhq/tanstack-query/react'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { bridgeOf, type QueryCacheBridge } from '../src/query-cache-bridge.ts'

// Both are loaded beside the first results; faked time does not wait for files.
await loadLater()
await import('../src/own-writes.ts')

/*
 * One cache entry; ZenStack's own optimistic updater, fetches, frames, answers and cuts in any order. At every moment the entry shows exactly
 * the base as far as the stream has brought it, with every write on top that was made here and was neither refused nor brought.
 */

interface Task {
  id: string
  title: string
}

type Step =
  | { do: 'write'; id: string }
  | { do: 'remove'; id: string }
  | { do: 'other'; id: string }
  | { do: 'commit' | 'refuse'; which: number }
  | { do: 'deliver'; count: number }
  | { do: 'fetch' | 'meddle' | 'invalidate' | 'cut' }

const id = fc.constantFrom('a', 'b', 'c')
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('write' as const), id }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), id }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('other' as const), id }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('commit' as const, 'commit' as const, 'refuse' as const), which: fc.nat({ max: 3 }) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('deliver' as const), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('fetch' as const, 'meddle' as const, 'invalidate' as const, 'cut' as const) }) },
)

/** A write that was made here: what it does, and where it was committed. */
interface OwnWrite {
  apply(rows: Task[]): Task[]
  url: string
  body: string | undefined
  version: number | undefined
  isRefused: boolean
  /** ZenStack's updater leaves a row alone that is not there: such a write shows when it arrives. */
  isShown: boolean
}

class World {
  readonly edge: FakeEdge = createFakeEdge()
  readonly live = createLiveClient(schema, { endpoint: 'http://edge/live', fetch: this.edge.fetch, limits: { minBackoffMs: 1, maxBackoffMs: 1 } })
  readonly queryClient = new QueryClient({ mutationCache: new MutationCache() })
  readonly query = this.live.task.findMany({ select: { id: true, title: true } })
  readonly key: QueryKey = getQueryKey('Task', 'findMany', this.query.args)
  readonly bridge: QueryCacheBridge = bridgeOf(this.live, this.queryClient)
  readonly versions: Task[][] = [['a', 'b', 'c'].map((name) => ({ id: name, title: `${name}0` }))]
  readonly writes: OwnWrite[] = []
  readonly answered = new Set<FakeRead>()
  cursor = 0
  #count = 0
  #stops: (() => void)[] = []

  async open(): Promise<void> {
    this.#stops = [this.bridge.start(), this.bridge.hold(this.query, this.key)]
    await vi.advanceTimersByTimeAsync(10)
    this.#greet()
    await vi.advanceTimersByTimeAsync(1)
  }

  close(): void {
    for (const stop of this.#stops) stop()
    this.live.$close()
    this.queryClient.clear()
  }

  async run(given: Step): Promise<void> {
    await this.#act(given)
    // Less than any limit: nothing is given up.
    await vi.advanceTimersByTimeAsync(5)
    for (const connection of this.edge.connections.slice(1)) if (connection === this.#connection() && !this.#greeted.has(connection)) this.#greet()
    await vi.advanceTimersByTimeAsync(5)
    this.check()
  }

  check(): void {
    expect(this.#rows().map(({ id: name, title }) => ({ id: name, title }))).toEqual(this.#expected())
  }

  #rows(): (Task & { $optimistic?: boolean })[] {
    return this.queryClient.getQueryData<(Task & { $optimistic?: boolean })[]>(this.key) ?? []
  }

  async settle(): Promise<void> {
    for (const write of this.writes) if (write.version === undefined && !write.isRefused) await this.run({ do: 'commit', which: 0 })
    await this.run({ do: 'deliver', count: Number.MAX_SAFE_INTEGER })
    expect(this.cursor).toBe(this.versions.length - 1)
    const rows = this.queryClient.getQueryData<Task[]>(this.key)
    expect(rows).toEqual(this.versions.at(-1))
  }

  #expected(): Task[] {
    const shown = this.writes.filter(({ version, isRefused, isShown }) => isShown && !isRefused && (version === undefined || version > this.cursor))
    return shown.reduce((rows, write) => write.apply(rows), this.versions[this.cursor] ?? [])
  }

  async #act(given: Step): Promise<void> {
    switch (given.do) {
      case 'write': {
        const title = `mine${++this.#count}`
        return this.#mutate('update', { where: { id: given.id }, data: { title } }, (rows) =>
          rows.map((row) => (row.id === given.id ? { ...row, title } : row)),
        )
      }
      case 'remove':
        return this.#mutate('delete', { where: { id: given.id } }, (rows) => rows.filter((row) => row.id !== given.id))
      case 'other': {
        const title = `theirs${++this.#count}`
        return void this.versions.push((this.versions.at(-1) ?? []).map((row) => (row.id === given.id ? { ...row, title } : row)))
      }
      case 'commit':
        return this.#answer(given.which, true)
      case 'refuse':
        return this.#answer(given.which, false)
      case 'deliver':
        return this.#deliver(given.count)
      case 'fetch':
        // Someone's own fetch of the key, with an answer from long ago.
        return void (await this.queryClient.fetchQuery({ queryKey: this.key, queryFn: () => this.versions[0], staleTime: 0 }).catch(() => undefined))
      case 'meddle': {
        if (this.queryClient.isMutating() > 0) return undefined
        return void this.queryClient.setQueryData(this.key, [{ id: 'x', title: 'stranger' }])
      }
      case 'invalidate':
        return void this.queryClient.invalidateQueries()
      case 'cut':
        return this.#connection()?.cut()
    }
  }

  /** As ZenStack's hooks do it: the updater writes into the cache, then the request goes out. */
  #mutate(operation: 'update' | 'delete', args: Record<string, unknown>, apply: OwnWrite['apply']): void {
    const isDelete = operation === 'delete'
    const url = `http://edge/model/task/${operation}${isDelete ? `?q=${encodeURIComponent(JSON.stringify(args))}` : ''}`
    // Two equal requests could not be told apart here.
    if (this.writes.some((write) => write.url === url && write.body === undefined && write.version === undefined && !write.isRefused)) return
    const target = this.#rows().find((row) => JSON.stringify(args['where']) === JSON.stringify({ id: row.id }))
    this.writes.push({ apply, url, body: isDelete ? undefined : marshal(args), version: undefined, isRefused: false, isShown: target !== undefined })
    const update = createOptimisticUpdater('Task', operation, schema, {}, () => this.#cachedQueries(), undefined)
    const init = isDelete ? { method: 'DELETE' } : { method: 'PUT', body: marshal(args) }
    const mutation = this.queryClient.getMutationCache().build(this.queryClient, {
      onMutate: (variables: unknown) => update(variables),
      mutationFn: () => fetcher(url, init, this.live.fetch),
      retry: false,
    })
    mutation.execute(args).catch(() => undefined)
  }

  #cachedQueries(): QueryInfo[] {
    const data = this.queryClient.getQueryData(this.key)
    const updateData = (next: unknown): void => void this.queryClient.setQueryData(this.key, next)
    return [{ model: 'Task', operation: 'findMany', args: this.query.args, data, optimisticUpdate: true, updateData }]
  }

  #answer(which: number, isCommit: boolean): void {
    const waiting = this.edge.reads.filter((read) => read.method !== 'GET' && !this.answered.has(read))
    const read = waiting[which % Math.max(1, waiting.length)]
    const write =
      read === undefined
        ? undefined
        : this.writes.find(({ url, body, version, isRefused }) => isSameRequest(read, url, body) && version === undefined && !isRefused)
    if (read === undefined || write === undefined) return
    this.answered.add(read)
    if (!isCommit) {
      write.isRefused = true
      return read.respond({ error: { message: 'no' } }, { status: 403 })
    }
    write.version = this.versions.length
    this.versions.push(write.apply(this.versions.at(-1) ?? []))
    return read.respond({ data: {} }, { headers: { 'x-zenstack-live-commit': String(write.version) } })
  }

  #connection(): FakeEdge['connections'][number] | undefined {
    return this.edge.connections.findLast(({ isClosed }) => !isClosed)
  }

  readonly #greeted = new Set<unknown>()

  #greet(): void {
    const connection = this.#connection()
    const q = connection?.ids[0]
    if (connection === undefined || q === undefined) return
    this.#greeted.add(connection)
    this.cursor = Math.max(this.cursor, this.versions.length - 1)
    const rows = (this.versions[this.cursor] ?? []).map((row) => ({ key: row.id, row, sort: row.id }))
    connection.send({ event: 'snapshot', q, at: entry(this.cursor, 0), part: 0, isLast: true, shape: 'rows', rows })
    connection.send({ event: 'ready', q, at: entry(this.cursor, 0), engine: 'incremental', shape: 'rows', ticket: 't' })
    connection.endBatch(this.cursor)
  }

  #deliver(count: number): void {
    const connection = this.#connection()
    const q: QueryId | undefined = connection?.ids[0]
    if (connection === undefined || q === undefined || !this.#greeted.has(connection)) return
    const before = this.versions[this.cursor] ?? []
    this.cursor = Math.min(this.versions.length - 1, this.cursor + count)
    const after = this.versions[this.cursor] ?? []
    for (const row of before)
      if (!after.some((next) => next.id === row.id))
        connection.send({ event: 'change', q, at: entry(this.cursor, 1), ops: [{ op: 'leave', key: row.id }] })
    for (const row of after) {
      const old = before.find((one) => one.id === row.id)
      if (old?.title !== row.title)
        connection.send({ event: 'change', q, at: entry(this.cursor, 1), ops: [{ op: 'update', key: row.id, set: { title: row.title } }] })
    }
    connection.endBatch(this.cursor)
  }
}

const entry = (version: number, index: number): ReturnType<typeof parseEntryId> => parseEntryId(`${version + 1}-${index}`)

function isSameRequest(read: FakeRead, url: string, body: string | undefined): boolean {
  return body === undefined ? read.url.href === new URL(url).href : read.body === body
}

const SEED = process.env['FAST_CHECK_SEED']

describe('a live cache entry, whatever is written and fetched', () => {
  it('shows the base with every open write on top, never less and never more', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), async (steps) => {
        vi.useFakeTimers()
        const world = new World()
        try {
          await world.open()
          world.check()
          for (const given of steps) await world.run(given)
          await world.settle()
        } finally {
          world.close()
          vi.useRealTimers()
        }
      }),
      { numRuns: Number(process.env['FAST_CHECK_RUNS'] ?? 60), ...(SEED === undefined ? {} : { seed: Number(SEED) }) },
    )
  })
})
