import pg from 'pg'

export interface Writer {
  /** Resolves when all that was begun is committed. */
  stop(): Promise<{ changes: number; changesPerSecond: number }>
}

const CONNECTIONS = 12
const CALLS_PER_SECOND = 500

/*
 * Commits are made where they cost the least, inside the server: sent one by one, their statements took a quarter of a processor from
 * what is measured. Stamps go on from the clock of the caller.
 */
const PROCEDURE = `
  CREATE OR REPLACE PROCEDURE bench_write_titles(first int, commits int, tasks int, mark text, stamp bigint, bytes int) LANGUAGE plpgsql AS $$
  DECLARE started timestamptz := clock_timestamp();
  BEGIN
    FOR number IN first .. first + commits - 1 LOOP
      UPDATE "Task"
        SET title = rpad(mark || lpad((stamp + (extract(epoch FROM clock_timestamp() - started) * 1000000)::bigint)::text, 16, '0'), greatest(bytes, length(mark) + 16), 'x')
        WHERE id = 'task-' || (number % tasks);
      COMMIT;
    END LOOP;
  END $$`

/**
 * Updates tasks at a rate that the clock keeps, each update a commit of its own. The title is a mark and when it was written:
 * the monotonic clock in microseconds, 16 digits.
 *
 * @param options.bytes - how long titles are, where that is longer
 */
export async function writeTitles(databaseUrl: string, options: { rate: number; tasks: number; mark: string; bytes?: number }): Promise<Writer> {
  const owner = new pg.Client({ connectionString: databaseUrl })
  await owner.connect()
  await owner.query(PROCEDURE)
  await owner.end()
  const commits = Math.max(1, Math.round(options.rate / CALLS_PER_SECOND))
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
      const first = taken
      taken += commits
      const stamp = String(process.hrtime.bigint() / 1000n)
      const values = [first, commits, options.tasks, options.mark, stamp, options.bytes ?? 0]
      await client.query({ name: 'titles', text: 'CALL bench_write_titles($1, $2, $3, $4, $5, $6)', values })
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
