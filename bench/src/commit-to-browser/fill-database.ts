import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import pg from 'pg'
import { taskId, TASKS } from './writer.ts'

/** A space with a manager, a member and its tasks. */
export async function fillDatabase(url: string): Promise<void> {
  const pool = new pg.Pool({ connectionString: url })
  const db = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) })
  await db.$pushSchema()
  await db.user.createMany({
    data: [
      { id: 'ann', name: 'Ann', role: 'MANAGER' },
      { id: 'bob', name: 'Bob' },
    ],
  })
  await db.space.create({ data: { id: 'garden', name: 'Garden' } })
  await db.member.createMany({
    data: [
      { spaceId: 'garden', userId: 'ann', role: 'MANAGER' },
      { spaceId: 'garden', userId: 'bob' },
    ],
  })
  await db.task.createMany({
    data: Array.from({ length: TASKS }, (_, index) => ({ id: taskId(index), spaceId: 'garden', title: `task ${index}`, ownerId: 'ann', budget: 12 })),
  })
  await pool.end()
}
