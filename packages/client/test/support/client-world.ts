import { CLIENT_LIMITS, type LiveQuery, type LiveState } from '@zenstack-live/client'
import { LiveStore } from '@zenstack-live/client/internal'
import type { WireQuery } from '@zenstack-live/protocol'
import { createFakeEdge, type FakeConnection, type FakeEdge } from '@zenstack-live/testing/fake-edge'
import { expect, vi } from 'vitest'
import type { LaterCode } from '../../src/load-later.ts'
import type { Step } from './client-steps.ts'
import { ModelServer } from './model-server.ts'

const QUERIES: readonly WireQuery[] = [
  { model: 'Task', operation: 'findMany', args: { where: { spaceId: 's1' } } },
  { model: 'Task', operation: 'findMany', args: { where: { spaceId: 's2' } } },
  { model: 'Task', operation: 'findMany', args: { orderBy: { priority: 'desc' }, take: 3 } },
  { model: 'Task', operation: 'count', args: {} },
]

interface Watcher {
  readonly query: WireQuery
  stop: () => void
  last: LiveState<unknown> | undefined
  /** No earlier version may be shown any more, and nothing for whom the server took the person before. */
  version: number
  stay: number
}

/** The real client in a page, its server, and what it may show: throws where an invariant does not hold. */
export class ClientWorld {
  readonly page = new EventTarget()
  readonly edge: FakeEdge = createFakeEdge()
  readonly server = new ModelServer(this.edge)
  readonly watchers = new Map<number, Watcher>()
  readonly #store: LiveStore
  /** Who the page says it is. */
  #person: string
  /** For whom the server took them since, one after the other. */
  #stays: string[]
  #loads: PromiseWithResolvers<LaterCode>[] = []
  readonly #failures: unknown[] = []
  isOnline = true
  lastLeftAtMs = 0

  /**
   * @param isPrompt - the client's later code is there before anything else happens
   * @param jitter - what the client draws in place of random numbers, over and over
   */
  constructor(isPrompt: boolean, jitter: readonly number[]) {
    let drawn = 0
    const page = Object.assign(this.page, { visibilityState: 'visible' })
    vi.stubGlobal('window', page)
    vi.stubGlobal('document', page)
    const isOnline = (): boolean => this.isOnline
    vi.stubGlobal('navigator', {
      get onLine(): boolean {
        return isOnline()
      },
    })
    vi.stubGlobal('BroadcastChannel', undefined)
    this.#person = this.server.identity
    this.#stays = [this.#person]
    this.#store = new LiveStore({
      endpoint: 'http://edge/live',
      fetch: this.edge.fetch,
      identity: () => this.#person,
      onAuthExpired: undefined,
      limits: CLIENT_LIMITS,
      random: () => jitter[drawn++ % jitter.length] ?? 0,
      sharesSignOut: true,
      loadLater: () => {
        const load = Promise.withResolvers<LaterCode>()
        if (isPrompt) load.resolve(later)
        else this.#loads.push(load)
        return load.promise
      },
    })
  }

  close(): void {
    for (const { stop } of this.watchers.values()) stop()
    this.#store.close()
  }

  connection(which: number): FakeConnection | undefined {
    const open = this.server.open()
    return open.length === 0 ? undefined : open[which % open.length]
  }

  async run(given: Step): Promise<void> {
    this.#act(given)
    await vi.advanceTimersByTimeAsync(given.do === 'pass' ? given.ms : 0)
    this.check()
  }

  #act(given: Step): void {
    switch (given.do) {
      case 'commit':
        return this.server.commit(given.edits)
      case 'answer': {
        const connection = this.connection(given.which)
        return connection && this.server.answerStream(connection, given.behind, given.isStubborn)
      }
      case 'deliver': {
        const connection = this.connection(given.which)
        return connection && this.server.deliver(connection, given.count, given.hasDuplicates)
      }
      case 'flow':
        for (const connection of this.server.open()) {
          this.server.answerStream(connection, given.behind, false)
          this.server.deliver(connection, given.count, false)
        }
        return undefined
      case 'reset': {
        const connection = this.connection(given.which)
        return connection && this.server.reset(connection, given.query, given.isSplit)
      }
      case 'cut':
        return this.connection(given.which)?.cut()
      case 'end':
        return this.connection(given.which)?.end()
      case 'refuse': {
        const connection = this.connection(given.which)
        return connection && this.server.refuse(connection)
      }
      case 'bye': {
        const connection = this.connection(given.which)
        connection?.retry(100)
        connection?.send({ event: 'bye', reason: 'drain' })
        return connection?.end()
      }
      case 'watch':
        return this.#watch(given.query)
      case 'leave':
        this.watchers.get(given.query)?.stop()
        this.watchers.delete(given.query)
        this.lastLeftAtMs = Date.now()
        return undefined
      case 'person':
        return this.#become(given.name)
      case 'swap':
        return this.#swap(given.name)
      case 'notice':
        return this.server.notice(given.isSplit)
      case 'offline':
        this.isOnline = false
        return void this.page.dispatchEvent(new Event('offline'))
      case 'online':
        this.isOnline = true
        return void this.page.dispatchEvent(new Event('online'))
      case 'hide':
        return void this.page.dispatchEvent(new Event('pagehide'))
      case 'show':
        return void this.page.dispatchEvent(new Event('pageshow'))
      case 'epoch':
        // What streams carry of the epoch before is worth nothing: a server ends them.
        this.server.epoch++
        for (const connection of this.server.open()) connection.end()
        return undefined
      case 'code':
        return this.#load(given.isThere)
      case 'pass':
        return undefined
    }
  }

  #load(isThere: boolean): void {
    for (const load of this.#loads.splice(0)) {
      if (isThere) load.resolve(later)
      else load.reject(new TypeError('Failed to fetch dynamically imported module'))
    }
  }

  #become(name: string): void {
    this.#swap(name)
    if (name === this.#person) return
    this.#person = name
    this.#stays = [name]
    for (const watcher of this.watchers.values()) watcher.version = watcher.stay = 0
    // The page renders, and thereby notices.
    this.#watch(0)
  }

  #swap(name: string): void {
    if (name === this.server.identity) return
    this.server.identity = name
    this.#stays.push(name)
  }

  #watch(index: number): void {
    const query = QUERIES[index]
    if (query === undefined || this.watchers.has(index)) return void this.#store.status()
    const watcher: Watcher = { query, stop: () => {}, last: undefined, version: 0, stay: 0 }
    this.watchers.set(index, watcher)
    const tell = (): void => {
      try {
        this.#told(watcher, this.#store.read(query as LiveQuery<unknown>))
      } catch (error) {
        // What a listener throws is not the test's to see; the next check throws it.
        this.#failures.push(error)
      }
    }
    watcher.stop = this.#store.watch(query as LiveQuery<unknown>, tell)
    tell()
  }

  #told(watcher: Watcher, state: LiveState<unknown>): void {
    const { last } = watcher
    // I4
    if (last !== undefined) expect([state.data === last.data, state.liveStatus === last.liveStatus, state.error === last.error]).toContain(false)
    watcher.last = state
    this.#checkShown(watcher)
  }

  #checkShown(watcher: Watcher): void {
    const data = watcher.last?.data
    if (data === undefined) return
    // I1
    const text = JSON.stringify(data)
    const shown = this.#answersFrom(watcher).find((answer) => JSON.stringify(answer.data) === text)
    if (shown === undefined) {
      throw new Error(`${JSON.stringify(watcher.query)} showed ${text}, which is none of ${JSON.stringify(this.#answersFrom(watcher))}`)
    }
    watcher.version = shown.version
    watcher.stay = shown.stay
  }

  /** What the query may show from now on. */
  #answersFrom({ query, version: from, stay: first }: Watcher): { stay: number; version: number; data: unknown }[] {
    return this.#stays.slice(first).flatMap((identity, index) =>
      Array.from({ length: this.server.head - from + 1 }, (_, offset) => {
        const version = from + offset
        return { stay: first + index, version, data: this.server.answer(query, version, identity) }
      }),
    )
  }

  /** I17 */
  #checkLive({ query, last }: Watcher): void {
    if (last?.isLive !== true) return
    const versions = this.server
      .cursors(query)
      .flatMap((cursor) => Array.from({ length: this.server.head - cursor + 1 }, (_, offset) => cursor + offset))
    const answers = this.#stays.flatMap((identity) => versions.map((version) => JSON.stringify(this.server.answer(query, version, identity))))
    expect(answers).toContain(JSON.stringify(last.data))
  }

  check(): void {
    if (this.#failures.length > 0) throw this.#failures[0]
    this.server.note()
    // I2
    const open = this.server.open()
    expect(open.length).toBeLessThanOrEqual(2)
    if (this.watchers.size === 0 && Date.now() - this.lastLeftAtMs > 5_100) expect(open.length).toBe(0)
    // I3
    const others = ['alice', 'bob'].filter((name) => !this.#stays.includes(name))
    for (const connection of open) for (const other of others) expect(JSON.stringify(connection.body)).not.toContain(other)
    for (const watcher of this.watchers.values()) this.#checkLive(watcher)
  }

  /** Lets everything arrive. */
  async settle(): Promise<void> {
    this.isOnline = true
    this.page.dispatchEvent(new Event('online'))
    this.page.dispatchEvent(new Event('pageshow'))
    for (let round = 0; round < 80 && !this.#isSettled(); round++) {
      this.#load(true)
      this.server.notice(false)
      for (const connection of this.server.open()) {
        this.server.answerStream(connection, 0, false)
        this.server.deliver(connection, Number.MAX_SAFE_INTEGER, false)
      }
      await vi.advanceTimersByTimeAsync(1_000)
      this.check()
    }
    // I5
    for (const watcher of this.watchers.values()) {
      expect(watcher.last?.data).toEqual(this.server.answer(watcher.query, this.server.head))
      expect(watcher.last?.liveStatus).toBe('live')
    }
  }

  #isSettled(): boolean {
    return [...this.watchers.values()].every(
      ({ query, last }) => last?.isLive === true && JSON.stringify(last.data) === JSON.stringify(this.server.answer(query, this.server.head)),
    )
  }
}

const later = await import('../../src/later.ts')
