import type { SlowReaders, WholeWay } from '../whole-way/start-way.ts'

/** What the edge did with readers that took nothing, as seen from outside. */
export interface Stalls {
  /** Of the edge's sockets, those that took nothing any more. */
  begun: number
  cut: number
  /** The longest from a first blocked write to the cut. */
  longestMs: number
}

const LOOK_EVERY_MS = 100

/** Looks until it is told to stop. Streams are cut in the order in which they were blocked. */
export function watchStalls(way: WholeWay): { stop(): Promise<Stalls> } {
  const [begunAtMs, cutAtMs]: [number[], number[]] = [[], []]
  const stopping = new AbortController()
  const look = (before: SlowReaders, now: SlowReaders): void => {
    const nowMs = performance.now()
    while (cutAtMs.length < now.cut - before.cut) cutAtMs.push(nowMs)
    while (begunAtMs.length < now.cut - before.cut + now.stalled) begunAtMs.push(nowMs - LOOK_EVERY_MS)
  }
  const watching = (async () => {
    const before = await way.slowReaders()
    while (!stopping.signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
      look(before, await way.slowReaders())
    }
  })()
  return {
    async stop() {
      stopping.abort()
      await watching
      return {
        begun: begunAtMs.length,
        cut: cutAtMs.length,
        longestMs: Math.max(0, ...cutAtMs.map((cutMs, index) => cutMs - (begunAtMs[index] ?? cutMs))),
      }
    },
  }
}
