import pg from 'pg'
import { now } from './clock.ts'

/** Writes numbered texts into tasks at a steady rate, each in a transaction of its own. */
export interface Writer {
  write(options: { perSecond: number; durationMs: number }): Promise<Commit[]>
  close(): Promise<void>
}

export interface Commit {
  number: number
  /** When Postgres had answered COMMIT. */
  answeredAt: number
  xid: string
}

/** More than a rate of 200/s needs, so that a slow commit does not hold up the next ones. */
const CONNECTIONS = 4

export const TASKS = 50

export async function createWriter(databaseUrl: string): Promise<Writer> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: CONNECTIONS })
  let last = 0

  const writeOne = async (): Promise<Commit> => {
    const number = ++last
    const { rows } = await pool.query<{ xid: string }>({
      name: 'write',
      text: 'UPDATE "Task" SET title = $1 WHERE id = $2 RETURNING xmin::text AS xid',
      values: [`write ${number}; water the tomatoes before the sun comes up`, taskId(number)],
    })
    return { number, answeredAt: now(), xid: rows[0]?.xid ?? '0' }
  }
  return {
    async write({ perSecond, durationMs }) {
      const startedAt = performance.now()
      const commits: Promise<Commit>[] = []
      const count = Math.round((perSecond * durationMs) / 1000)
      // By the clock, not by what the last write took: a stall does not thin out the load.
      while (commits.length < count) {
        const dueMs = startedAt + (commits.length * 1000) / perSecond - performance.now()
        if (dueMs > 0.5) await new Promise((resolve) => setTimeout(resolve, dueMs))
        commits.push(writeOne())
      }
      return Promise.all(commits)
    },
    close: () => pool.end(),
  }
}

export function taskId(number: number): string {
  return `task-${String(number % TASKS).padStart(2, '0')}`
}

/** When Postgres says each commit was made, in milliseconds since 1970. */
export async function commitTimes(databaseUrl: string, commits: readonly Commit[]): Promise<Map<number, number>> {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  try {
    const { rows } = await client.query<{ number: number; us: string }>(
      `SELECT number, (extract(epoch FROM pg_xact_commit_timestamp(xid::xid)) * 1000000)::bigint::text AS us
       FROM unnest($1::int[], $2::text[]) AS written (number, xid)`,
      [commits.map(({ number }) => number), commits.map(({ xid }) => xid)],
    )
    return new Map(rows.map(({ number, us }) => [number, Number(us) / 1000]))
  } finally {
    await client.end()
  }
}
