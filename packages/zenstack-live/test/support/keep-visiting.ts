import { get } from 'node:http'

export interface Visitors {
  /** How many were answered. */
  readonly answered: number
  /** How many were cut before their answer. */
  readonly cut: number
  /** How many were neither answered nor cut. */
  readonly left: number
  stop(): Promise<void>
}

const VISITORS = 20
const PATIENCE_MS = 20_000

/** Asks for a page, many at a time and again and again, each over a connection of its own. */
export function keepVisiting(url: string): Visitors {
  const stopped = new AbortController()
  const counts = { answered: 0, cut: 0, left: 0 }
  const visit = (): Promise<void> =>
    new Promise((resolve) => {
      let hasWaitedLong = false
      const visitor = get(url, { agent: false, timeout: PATIENCE_MS }, (response) => {
        response.resume().once('end', () => {
          counts.answered++
          resolve()
        })
        response.once('error', end)
      })
      const end = (): void => {
        if (hasWaitedLong) counts.left++
        else counts.cut++
        setImmediate(resolve)
      }
      visitor.once('timeout', () => {
        hasWaitedLong = true
        visitor.destroy()
      })
      visitor.once('error', end)
    })
  const visiting = Array.from({ length: VISITORS }, async () => {
    while (!stopped.signal.aborted) await visit()
  })
  return {
    get answered() {
      return counts.answered
    },
    get cut() {
      return counts.cut
    },
    get left() {
      return counts.left
    },
    async stop() {
      stopped.abort()
      await Promise.all(visiting)
    },
  }
}
