import { progress, type CommandResult } from './command.ts'
import { fillStage, openLoadStage } from './live-load/stage.ts'
import { openReaders, stampNow } from './live-load/readers.ts'
import { quantile } from './quantile.ts'

const USERS = 1_000
const SPACES = 50
const SPACES_PER_USER = 2
const CHANGES_PER_SECOND = 200
const SECONDS = 10

/** Lists that memberships decide, for a thousand people: what changes outside the membership table cost, and how soon they arrive. */
export async function run(): Promise<CommandResult> {
  const stage = await openLoadStage()
  try {
    await fillStage(stage, { users: USERS, spaces: SPACES, spacesPerUser: SPACES_PER_USER, tasksPerSpace: 4 })
    const query = { model: 'Task', operation: 'findMany' as const }
    const readers = await openReaders(Array.from({ length: USERS }, (_, user) => ({ base: stage.base, user: `u${user}`, queries: [query] })))
    progress(`${USERS} streams are ready`)
    await readers.note()
    let changes = 0
    const expectedDeliveries = (): number => (changes * USERS * SPACES_PER_USER) / SPACES
    const questions = await stage.questionsDuring(async () => {
      const startedAt = performance.now()
      const pending: Promise<unknown>[] = []
      while (performance.now() - startedAt < SECONDS * 1_000) {
        const due = ((performance.now() - startedAt) / 1_000) * CHANGES_PER_SECOND
        for (; changes < due; changes++) {
          const task = `t${changes % SPACES}-${Math.floor(changes / SPACES) % 4}`
          pending.push(stage.sql('UPDATE "Task" SET title = $2 WHERE id = $1', [task, `stamp:${stampNow().toFixed(3)}`]))
        }
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
      await Promise.all(pending)
      // However late they come, they count.
      await readers.untilStamped(expectedDeliveries())
    })
    const { stamps } = await readers.report()
    const { incremental } = stage.edge.metrics().queriesNow
    await readers.close()
    return {
      name: 'membership',
      metrics: {
        databaseQueriesPerChange: questions / changes,
        p50Ms: quantile(stamps, 0.5),
        p95Ms: quantile(stamps, 0.95),
        p99Ms: quantile(stamps, 0.99),
        changesPerSecond: changes / SECONDS,
        deliveries: stamps.length,
        expectedDeliveries: expectedDeliveries(),
        incrementalQueries: incremental,
      },
      notes: [
        `${USERS} people, ${SPACES} spaces, ${SPACES_PER_USER} each; all on one edge, which shares its process with capture and log.`,
        'From just before the UPDATE was sent until the bytes were read by another process of the same machine.',
      ],
    }
  } finally {
    await stage.close()
  }
}
