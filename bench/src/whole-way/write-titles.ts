import pg from 'pg'

export interface Writer {
  /** Resolves when all that was begun is committed. */
  stop(): Promise<{ changes: number; changesPerSecond: number }>
}

const CONNECTIONS = 12
const STATEMENT = 'UPDATE "Task" SET title = $1 WHERE id = $2'

/**
 * Updates tasks at a rate that the clock keeps, each update a commit of its own. The title is a mark and when it was written:
 * the monotonic clock in microseconds, 16 digits.
 *
 * @param options.bytes - how long titles are, where that is longer
 */
export async function writeTitles(databaseUrl: string, options: { rate: number; tasks: number; mark: string; bytes?: number }): Promise<Writer> {
  const clients = await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const client = new pg.Client({ connectionString: databaseUrl })
      await client.connect()
      return client
    }),
  )
  const startedMs = performance.now()
  let taken = 0
  const stopping = new AbortController()

  const write = async (client: pg.Client): Promise<void> => {
    while (!stopping.signal.aborted) {
      const dueMs = startedMs + (taken * 1000) / options.rate
      const earlyMs = dueMs - performance.now()
      if (earlyMs > 1) {
        await new Promise((resolve) => setTimeout(resolve, earlyMs))
        continue
      }
      const number = taken++
      const stamp = String(process.hrtime.bigint() / 1000n).padStart(16, '0')
      await client.query({
        name: 'title',
        text: STATEMENT,
        values: [(options.mark + stamp).padEnd(options.bytes ?? 0, 'x'), `task-${number % options.tasks}`],
      })
    }
  }

  const writing = Promise.all(clients.map(write))
  return {
    async stop() {
      stopping.abort()
      await writing
      const seconds = (performance.now() - startedMs) / 1000
      await Promise.all(clients.map((client) => client.end()))
      return { changes: taken, changesPerSecond: taken / seconds }
    },
  }
}
