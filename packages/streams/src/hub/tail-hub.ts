import type { ChangeLog } from '@zenstack-live/change-log'
import { compareEntryIds, type EntryId, type LogEntry } from '@zenstack-live/protocol'
import type { StreamLimits } from '../limits.ts'
import { PageChain, type PageNode } from './page-chain.ts'
import { createStreamPage, type StreamPage } from './stream-page.ts'

/** Throws when the log no longer holds everything after an id, or waits while it may come back. */
export type ContinuityCheck = (after: EntryId) => Promise<void>

/** The one tail of the log, and those who wait at its head. */
interface LiveTail {
  chain: PageChain
  failure: unknown
  wakers: Set<() => void>
  stop: AbortController
  followers: number
}

/** Readers that are behind, and read on together. The one in front fetches. */
interface CatchUpLane {
  chain: PageChain
  fetching: Promise<boolean> | undefined
  /** What follows the page that is fetched, on its way while that one is checked and looked at. */
  ahead: { after: EntryId; entries: Promise<readonly LogEntry[]> } | undefined
  followers: number
}

/**
 * One tail of the log for all readers of this process.
 *
 * ```
 *  log ──tail──► page ─► page ─► page ─► (next)             live: the newest `hubPages` are kept
 *                         ▲                ▲
 *   reader a little behind┘                └ readers at the head wait here
 *
 *  log ──read──► page ─► page                               catch-up lanes: readers far behind share what they read,
 *                         ▲ readers after a restart         until they meet the pages of the tail
 * ```
 */
export class TailHub {
  readonly #log: ChangeLog
  readonly #limits: StreamLimits
  readonly #check: ContinuityCheck
  readonly #closed = new AbortController()
  readonly #lanes = new Set<CatchUpLane>()
  #opening: Promise<LiveTail> | undefined
  #tail: LiveTail | undefined

  constructor(log: ChangeLog, limits: StreamLimits, check: ContinuityCheck) {
    this.#log = log
    this.#limits = limits
    this.#check = check
  }

  /**
   * Pages after an id, for ever; the first may begin before it.
   *
   * @throws {ChangeLogError} what the log's tail and the continuity check throw
   */
  async *follow(after: EntryId, until: AbortSignal): AsyncGenerator<StreamPage> {
    const tail = await this.#join()
    const signal = AbortSignal.any([until, this.#closed.signal])
    const place: Place = { cursor: after, node: undefined, lane: undefined }
    try {
      await this.#check(after)
      while (!signal.aborted) {
        const node = nextOf(place) ?? (tail.chain.reachesBackTo(place.cursor) ? this.#liveNode(place, tail) : await this.#laneNode(place, tail))
        if (node !== undefined) {
          place.node = node
          place.cursor = node.page.last
          if (place.lane !== undefined && node.next === undefined) this.#fetchAhead(place.lane, tail)
          yield node.page
        } else if (tail.chain.reachesBackTo(place.cursor) && !signal.aborted) await waitForPage(tail, signal)
      }
    } finally {
      leaveLane(place, this.#lanes)
      this.#leave(tail)
    }
  }

  close(): void {
    this.#closed.abort()
  }

  #liveNode(place: Place, tail: LiveTail): PageNode | undefined {
    leaveLane(place, this.#lanes)
    const node = tail.chain.pageAfter(place.cursor)
    if (node === undefined && tail.failure !== undefined) throw tail.failure
    return node
  }

  /** Of a reader that is too far behind for the tail's pages. */
  async #laneNode(place: Place, tail: LiveTail): Promise<PageNode | undefined> {
    if (place.lane === undefined || !place.lane.chain.reachesBackTo(place.cursor)) this.#joinLane(place)
    const { lane } = place
    if (lane === undefined) return undefined
    const node = lane.chain.pageAfter(place.cursor)
    if (node !== undefined) return node
    if (await this.#fetchOnce(lane, tail)) return lane.chain.pageAfter(place.cursor)
    // The log holds nothing between the reader and where the tail began.
    if (isBehind(place.cursor, tail)) place.cursor = tail.chain.start
    return undefined
  }

  #joinLane(place: Place): void {
    leaveLane(place, this.#lanes)
    let lane = [...this.#lanes].find(({ chain }) => chain.reachesBackTo(place.cursor) && compareEntryIds(place.cursor, chain.head) <= 0)
    if (lane === undefined) {
      lane = { chain: new PageChain(place.cursor, this.#limits.hubPages), fetching: undefined, ahead: undefined, followers: 0 }
      // Beyond the limit each reads for itself.
      if (this.#lanes.size < this.#limits.hubLanes) this.#lanes.add(lane)
    }
    lane.followers++
    place.lane = lane
  }

  /** The next page is on its way while this one is looked at. What fails is asked for again by who needs it. */
  #fetchAhead(lane: CatchUpLane, tail: LiveTail): void {
    if (isBehind(lane.chain.head, tail)) this.#fetchOnce(lane, tail).catch(() => undefined)
  }

  #fetchOnce(lane: CatchUpLane, tail: LiveTail): Promise<boolean> {
    lane.fetching ??= this.#fetch(lane, tail).finally(() => (lane.fetching = undefined))
    return lane.fetching
  }

  /** Reads the lane's next page. @returns whether there was one */
  async #fetch(lane: CatchUpLane, tail: LiveTail): Promise<boolean> {
    const { chain } = lane
    const after = chain.head
    const entries = await this.#readPage(lane, after)
    const last = entries.at(-1)
    if (last !== undefined && isBehind(last.id, tail)) lane.ahead = { after: last.id, entries: this.#readAhead(last.id) }
    await this.#check(after)
    if (last === undefined) return false
    chain.append(createStreamPage(after, entries))
    return true
  }

  async #readPage(lane: CatchUpLane, after: EntryId): Promise<readonly LogEntry[]> {
    const { ahead } = lane
    lane.ahead = undefined
    // The page in front of it may not have been kept. One that is empty, or failed, says nothing of now.
    const entries = ahead?.after === after ? await ahead.entries : []
    return entries.length > 0 ? entries : this.#log.read(after, { count: this.#limits.pageEntries })
  }

  async #readAhead(after: EntryId): Promise<readonly LogEntry[]> {
    return this.#log.read(after, { count: this.#limits.pageEntries }).catch(() => [])
  }

  async #join(): Promise<LiveTail> {
    this.#opening ??= this.#open()
    try {
      const tail = await this.#opening
      tail.followers++
      return tail
    } catch (error) {
      this.#opening = undefined
      throw error
    }
  }

  /** The last reader puts out the light; who comes now opens a tail of its own. */
  #leave(tail: LiveTail): void {
    if (--tail.followers > 0) return
    if (this.#tail === tail) this.#opening = this.#tail = undefined
    tail.stop.abort()
  }

  async #open(): Promise<LiveTail> {
    const { newest, beginning } = await this.#log.state()
    const chain = new PageChain(newest ?? beginning, this.#limits.hubPages)
    const tail: LiveTail = { chain, failure: undefined, wakers: new Set(), stop: new AbortController(), followers: 0 }
    this.#tail = tail
    void this.#run(tail, AbortSignal.any([tail.stop.signal, this.#closed.signal]))
    return tail
  }

  async #run(tail: LiveTail, signal: AbortSignal): Promise<void> {
    try {
      for await (const entries of this.#log.tail(tail.chain.head, { signal, count: this.#limits.pageEntries })) {
        tail.chain.append(createStreamPage(tail.chain.head, entries))
        wake(tail)
      }
    } catch (error) {
      tail.failure = error
    }
    tail.failure ??= signal.reason
    if (this.#tail === tail) this.#opening = this.#tail = undefined
    wake(tail)
  }
}

interface Place {
  cursor: EntryId
  node: PageNode | undefined
  lane: CatchUpLane | undefined
}

/** Whether the tail's own pages begin further on. */
function isBehind(id: EntryId, tail: LiveTail): boolean {
  return compareEntryIds(id, tail.chain.start) < 0
}

function nextOf({ node }: Place): PageNode | undefined {
  return node === undefined || node.isForgotten ? undefined : node.next
}

function leaveLane(place: Place, lanes: Set<CatchUpLane>): void {
  const { lane } = place
  place.lane = undefined
  if (lane !== undefined && --lane.followers === 0) lanes.delete(lane)
}

function wake(tail: LiveTail): void {
  const wakers = [...tail.wakers]
  tail.wakers.clear()
  for (const waker of wakers) waker()
}

async function waitForPage(tail: LiveTail, signal: AbortSignal): Promise<void> {
  if (tail.failure !== undefined) return
  await new Promise<void>((resolve) => {
    const done = (): void => {
      tail.wakers.delete(done)
      signal.removeEventListener('abort', done)
      resolve()
    }
    tail.wakers.add(done)
    signal.addEventListener('abort', done, { once: true })
  })
}
