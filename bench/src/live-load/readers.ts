import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { WireQuery } from '@zenstack-live/protocol'

export interface StreamOrder {
  base: string
  user: string
  queries: WireQuery[]
}

export type ReaderOrder = { kind: 'open'; streams: StreamOrder[] } | { kind: 'note' | 'report' | 'count' }

export interface ReaderAnswer {
  readyCount: number
  /** Milliseconds from each stamp to its arrival. */
  stamps: number[]
  /** When the last frame of each query of each stream came. */
  arrivals: number[]
  /** How many of them have come. */
  arrived: number
  /** How many stamps have come. */
  stamped: number
}

export interface Readers {
  /** Forgets what came, and notes what comes. */
  note(): Promise<void>
  /** Waits until frames of so many queries have come. */
  until(arrived: number): Promise<void>
  /** Waits until so many stamps have come, repeated ones included. @throws {Error} when that takes longer than a minute */
  untilStamped(stamped: number): Promise<void>
  report(): Promise<ReaderAnswer>
  close(): Promise<void>
}

const LOOK_EVERY_MS = 2
/** Longer than anything that still counts. */
const PATIENCE_MS = 60_000

/** Opens streams in a process of their own, and waits until all their queries are ready. */
export async function openReaders(streams: StreamOrder[]): Promise<Readers> {
  const file = fileURLToPath(new URL('reader-process.ts', import.meta.url))
  const child = fork(file, { execArgv: ['--conditions=@zenstack-live/source'] })
  const ask = async (order: ReaderOrder): Promise<ReaderAnswer> => {
    const answer = once(child, 'message')
    child.send(order)
    const [message] = (await answer) as [ReaderAnswer]
    return message
  }
  const wait = async (isDone: (answer: ReaderAnswer) => boolean): Promise<void> => {
    while (!isDone(await ask({ kind: 'count' }))) await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
  const expected = streams.reduce((sum, { queries }) => sum + queries.length, 0)
  await ask({ kind: 'open', streams })
  await wait(({ readyCount }) => readyCount >= expected)
  return {
    note: async () => void (await ask({ kind: 'note' })),
    until: (count) => wait(({ arrived }) => arrived >= count),
    async untilStamped(count) {
      const startedAt = performance.now()
      await wait(({ stamped }) => {
        if (stamped < count && performance.now() - startedAt > PATIENCE_MS) throw new Error(`${stamped} of ${count} stamps came.`)
        return stamped >= count
      })
    },
    report: () => ask({ kind: 'report' }),
    async close() {
      const isGone = once(child, 'exit')
      child.kill()
      await isGone
    },
  }
}

/** Wall-clock time with a fraction, the same in every process of the machine. */
export function stampNow(): number {
  return performance.timeOrigin + performance.now()
}
