import cluster, { type Worker } from 'node:cluster'

/*
 * Several processes that share a port, each with a number of its own.
 *
 *   one ended by itself ──► another in its place, later each time
 *   SIGHUP              ──► one after the other: told to end, and the next only when another listens in its place
 *   the signal          ──► all are told to end
 */

export interface RunWorkersOptions {
  count: number
  /** All are told to end. */
  signal: AbortSignal
  /** Tells each its number, from 0 on. */
  numberVariable: string
  note(line: string): void
  /** All listen, for the first time. */
  onListening(port: number): void
}

/** Where one worker follows another. */
interface Place {
  /** Resolves when all is over. @throws {Error} when the first one ended before it listened */
  run(): Promise<void>
  /** Resolves when the next one listens. @returns its port */
  listens(): Promise<number>
  /** Resolves when another listens, or all is over. */
  replace(): Promise<void>
}

const FIRST_PAUSE_MS = 500
const MAX_PAUSE_MS = 30_000
/** One that lived for so long did not fail at its start. */
const STEADY_MS = 60_000

/**
 * Runs this program so many times and sees to it that they stay. Resolves when all have ended.
 *
 * @throws {Error} when one of the first ends before it listens: what is wrong would end the others too
 */
export async function runWorkers({ count, signal, numberVariable, note, onListening }: RunWorkersOptions): Promise<void> {
  // Each accepts from one queue in the kernel, a busy one less often. Were they given out in turn by this process, who was just handed to a
  // worker that ends would be lost: neither answered nor cut.
  cluster.schedulingPolicy = cluster.SCHED_NONE
  const start = (number: number): Worker => cluster.fork({ [numberVariable]: String(number) })
  const failed = new AbortController()
  const over = AbortSignal.any([signal, failed.signal])
  const places = Array.from({ length: count }, (_, number) => createPlace(() => start(number), `Worker ${number}`, note, over))
  let replacing = Promise.resolve()
  const replaceAll = (): void => {
    replacing = replaceAfter(replacing)
  }
  const replaceAfter = async (last: Promise<void>): Promise<void> => {
    await last
    note('The workers are replaced, one after the other.')
    for (const place of places) await place.replace()
  }
  process.on('SIGHUP', replaceAll)
  void Promise.all(places.map((place) => place.listens())).then(([port = 0]) => onListening(port))
  const runs = places.map((place) => place.run())
  try {
    await Promise.all(runs)
  } catch (error) {
    failed.abort()
    await Promise.allSettled(runs)
    throw error
  } finally {
    process.off('SIGHUP', replaceAll)
  }
}

function createPlace(start: () => Worker, name: string, note: (line: string) => void, over: AbortSignal): Place {
  let worker: Worker | undefined
  let isReplaced = false
  const waiting: ((port: number) => void)[] = []
  const isOver = new Promise<void>((resolve) => over.addEventListener('abort', () => resolve(), { once: true }))
  const listens = (): Promise<number> => new Promise((resolve) => waiting.push(resolve))
  const kill = (): void => void worker?.process.kill('SIGTERM')
  over.addEventListener('abort', kill, { once: true })

  const live = async (): Promise<{ hasListened: boolean; how: number | string }> => {
    const { promise, resolve } = Promise.withResolvers<number | string>()
    let hasListened = false
    try {
      worker = start()
    } catch (error) {
      return { how: String(error), hasListened }
    }
    const { process: child } = worker
    worker.once('listening', ({ port }) => {
      hasListened = true
      for (const onListening of waiting.splice(0)) onListening(port)
    })
    worker.once('exit', (code: number, killedBy: string | null) => resolve(killedBy ?? code))
    // Where the system has no room for another process, nothing ends that never began.
    worker.on('error', (error) => child.pid === undefined && resolve(String(error)))
    return { how: await promise, hasListened }
  }

  return {
    async run() {
      let pauseMs = FIRST_PAUSE_MS
      let isProven = false
      while (!over.aborted) {
        isReplaced = false
        const startedMs = performance.now()
        const { hasListened, how } = await live()
        if (over.aborted) return
        isProven ||= hasListened
        if (isReplaced) continue
        if (!isProven) throw new Error(`${name} ended with ${how} before it listened.`)
        if (performance.now() - startedMs > STEADY_MS) pauseMs = FIRST_PAUSE_MS
        note(`${name} ended with ${how}. Another follows in ${pauseMs} ms.`)
        await Promise.race([isOver, new Promise((resolve) => setTimeout(resolve, pauseMs))])
        pauseMs = Math.min(MAX_PAUSE_MS, pauseMs * 2)
      }
    },
    listens,
    async replace() {
      if (over.aborted) return
      isReplaced = true
      const isThere = listens()
      kill()
      await Promise.race([isThere, isOver])
    },
  }
}
