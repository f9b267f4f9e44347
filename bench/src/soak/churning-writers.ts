import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Random } from '../random.ts'

/** Writes at a rate until it is stopped: rows, memberships, and now and then the tables themselves. */
export interface ChurningWriters {
  readonly tally: Readonly<{ writes: number; membershipsChanged: number; schemaChanges: number }>
  /** Changes the tables, as a migration does. */
  changeSchema(): Promise<void>
  stop(): Promise<void>
}

export interface WriterOptions {
  perSecond: number
  schemaChangeEveryMs: number
  users: readonly string[]
  spaces: readonly string[]
  random: Random
}

const NOTES = 20
const TASKS = 50

export async function fill(pool: pg.Pool, { users, spaces }: Pick<WriterOptions, 'users' | 'spaces'>): Promise<void> {
  await pool.query(`INSERT INTO "User" (id, name) SELECT id, id FROM unnest($1::text[]) id`, [users])
  await pool.query(`INSERT INTO "Space" (id, name) SELECT id, id FROM unnest($1::text[]) id`, [spaces])
  await pool.query(
    `INSERT INTO "Member" ("spaceId", "userId") SELECT s, u FROM unnest($1::text[]) u, unnest($2::text[]) s WHERE (hashtext(s || u) % 3) = 0`,
    [users, spaces],
  )
  await pool.query(
    `INSERT INTO "Task" (id, "spaceId", title, "ownerId", "assigneeId")
     SELECT 'task-' || n, ($1::text[])[1 + n % cardinality($1::text[])], 'a task', 'nobody', $2 FROM generate_series(0, ${TASKS - 1}) n`,
    [spaces, users[0]],
  )
  await pool.query(`INSERT INTO "Note" (id, "ownerId", body, "isPublic") SELECT n, $1, 'a note', true FROM generate_series(1, ${NOTES}) n`, [
    users[0],
  ])
}

export function write(pool: pg.Pool, { perSecond, schemaChangeEveryMs, users, spaces, random }: WriterOptions): ChurningWriters {
  const tally = { writes: 0, membershipsChanged: 0, schemaChanges: 0 }
  const stopping = new AbortController()

  const writeOne = async (): Promise<void> => {
    const number = tally.writes++
    if (number % 40 === 7) {
      await pool.query(`UPDATE "User" SET role = CASE role WHEN 'MEMBER' THEN 'MANAGER'::"Role" ELSE 'MEMBER' END WHERE id = $1`, [
        random.pick(users),
      ])
    } else if (number % 10 === 9) {
      tally.membershipsChanged++
      const member = [random.pick(spaces), random.pick(users)]
      const { rowCount } = await pool.query(`DELETE FROM "Member" WHERE "spaceId" = $1 AND "userId" = $2`, member)
      if (rowCount === 0) await pool.query(`INSERT INTO "Member" ("spaceId", "userId") VALUES ($1, $2)`, member)
    } else if (number % 10 === 8) {
      await pool.query(`INSERT INTO "Comment" (id, "taskId", "authorId", body) VALUES ($1, $2, $3, 'said')`, [
        `comment-${number}`,
        `task-${random.whole(TASKS)}`,
        random.pick(users),
      ])
      await pool.query(`DELETE FROM "Comment" WHERE id = $1`, [`comment-${number - 100}`])
    } else if (number % 2 === 0) {
      await pool.query(`UPDATE "Task" SET title = $1 WHERE id = $2`, [`title ${number}`, `task-${random.whole(TASKS)}`])
    } else {
      await pool.query(`UPDATE "Note" SET body = $1, "isPublic" = $2 WHERE id = $3`, [`body ${number}`, random.chance(0.8), 1 + random.whole(NOTES)])
    }
  }
  const changeSchema = async (): Promise<void> => {
    const number = tally.schemaChanges++
    await pool.query(number % 2 === 0 ? `ALTER TABLE "Note" ADD COLUMN extra text` : `ALTER TABLE "Note" DROP COLUMN extra`)
  }
  const writing = (async () => {
    const startedMs = performance.now()
    for (let number = 0; !stopping.signal.aborted; number++) {
      await writeOne()
      const earlyMs = startedMs + (number * 1_000) / perSecond - performance.now()
      if (earlyMs > 0) await sleep(earlyMs)
      if (performance.now() - startedMs > (tally.schemaChanges + 1) * schemaChangeEveryMs) await changeSchema()
    }
  })()
  return {
    tally,
    changeSchema,
    async stop() {
      stopping.abort()
      await writing
    },
  }
}
