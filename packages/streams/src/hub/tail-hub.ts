import type { ChangeLog } from '@zenstack-live/change-log'
import { compareEntryIds, type EntryId } from '@zenstack-live/protocol'
import type { StreamLimits } from '../limits.ts'
import { createStreamPage, type StreamPage } from './stream-page.ts'

/**
 * One tail of the log for all readers of this process.
 *
 * ```
 *  log ──tail──► page ─► page ─► page ─► (next)        kept: the newest `hubPages`
 *                         ▲                ▲
 *   reader a little behind┘                └ readers at the head wait here
 *   reader far behind: reads the log itself until it meets the kept pages
 * ```
 */
export interface TailHub {
  /** Pages after an id, for ever; the first may begin before it. @throws {ChangeLogError} what the log's tail throws, `log_gap` */
  follow(after: EntryId, signal: AbortSignal): AsyncGenerator<StreamPage>
  close(): Promise<void>
}

interface PageNode {
  page: StreamPage
  next: PageNode | undefined
  isForgotten: boolean
}

interface Tail {
  /** Where the tail began; readers behind it read the log themselves. */
  start: EntryId
  oldest: PageNode | undefined
  newest: PageNode | undefined
  count: number
  failure: unknown
  wakers: Set<() => void>
  stop: AbortController
  followers: number
}

/** What a reader that cannot wait for its log is told. */
export type CatchUpCheck = (after: EntryId) => Promise<void>

/** @param check - throws when the log no longer holds everything after an id */
export function createTailHub(log: ChangeLog, limits: StreamLimits, check: CatchUpCheck): TailHub {
  let tail: Promise<Tail> | undefined
  let opened: Tail | undefined
  const closed = new AbortController()

  const open = async (): Promise<Tail> => {
    const { newest, beginning } = await log.state()
    const made: Tail = {
      start: newest ?? beginning,
      oldest: undefined,
      newest: undefined,
      count: 0,
      failure: undefined,
      wakers: new Set(),
      stop: new AbortController(),
      followers: 0,
    }
    opened = made
    void run(log, made, AbortSignal.any([made.stop.signal, closed.signal]), limits).finally(() => {
      if (opened === made) tail = opened = undefined
    })
    return made
  }
  const current = async (): Promise<Tail> => {
    tail ??= open()
    try {
      return await tail
    } catch (error) {
      tail = undefined
      throw error
    }
  }

  return {
    async *follow(after, signal) {
      const followed = await current()
      followed.followers++
      try {
        yield* followTail(log, followed, after, AbortSignal.any([signal, closed.signal]), limits, check)
      } finally {
        // The last reader puts out the light; who comes now opens a tail of its own.
        if (--followed.followers === 0) {
          if (opened === followed) tail = opened = undefined
          followed.stop.abort()
        }
      }
    },
    async close() {
      closed.abort()
    },
  }
}

async function run(log: ChangeLog, tail: Tail, signal: AbortSignal, limits: StreamLimits): Promise<void> {
  let after = tail.start
  try {
    for await (const entries of log.tail(after, { signal, count: limits.pageEntries })) {
      const page = createStreamPage(after, entries)
      after = page.last
      const node: PageNode = { page, next: undefined, isForgotten: false }
      if (tail.newest === undefined) tail.oldest = node
      else tail.newest.next = node
      tail.newest = node
      if (++tail.count > limits.hubPages) forgetOldest(tail)
      wake(tail)
    }
  } catch (error) {
    tail.failure = error
  }
  tail.failure ??= signal.reason
  wake(tail)
}

/** Cut off from its successors, a page that a slow reader still holds does not hold them all. */
function forgetOldest(tail: Tail): void {
  const { oldest } = tail
  if (oldest === undefined) return
  tail.oldest = oldest.next
  oldest.next = undefined
  oldest.isForgotten = true
  tail.count--
}

function wake(tail: Tail): void {
  for (const waker of tail.wakers) waker()
  tail.wakers.clear()
}

async function* followTail(
  log: ChangeLog,
  tail: Tail,
  after: EntryId,
  signal: AbortSignal,
  limits: StreamLimits,
  check: CatchUpCheck,
): AsyncGenerator<StreamPage> {
  let cursor = after
  let node: PageNode | undefined
  await check(cursor)
  while (!signal.aborted) {
    if (node?.isForgotten !== true) {
      const next: PageNode | undefined = node === undefined ? firstNodeAfter(tail, cursor) : node.next
      if (next !== undefined) {
        node = next
        cursor = next.page.last
        yield next.page
        continue
      }
      if (node !== undefined || isAtHead(tail, cursor)) {
        if (tail.failure !== undefined) {
          if (signal.aborted) return
          throw tail.failure
        }
        await waitForPage(tail, signal)
        continue
      }
    }
    node = undefined
    const entries = await log.read(cursor, { count: limits.pageEntries })
    await check(cursor)
    if (entries.length === 0) {
      // Nothing lies between it and where the tail began.
      if (compareEntryIds(cursor, tail.start) < 0) cursor = tail.start
      continue
    }
    const page = createStreamPage(cursor, entries)
    cursor = page.last
    yield page
  }
}

/** The kept page that holds what follows the id, when none between is missing. */
function firstNodeAfter(tail: Tail, cursor: EntryId): PageNode | undefined {
  if (tail.oldest === undefined || compareEntryIds(cursor, tail.oldest.page.after) < 0) return undefined
  for (let node: PageNode | undefined = tail.oldest; node !== undefined; node = node.next) {
    if (compareEntryIds(node.page.last, cursor) > 0) return node
  }
  return undefined
}

function isAtHead(tail: Tail, cursor: EntryId): boolean {
  return compareEntryIds(cursor, tail.newest?.page.last ?? tail.start) >= 0
}

async function waitForPage(tail: Tail, signal: AbortSignal): Promise<void> {
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
