import { LIMITS, type WireQuery } from '@zenstack-live/protocol'
import { progress, type CommandResult } from './command.ts'
import { fillStage, openLoadStage, type LoadStage } from './live-load/stage.ts'
import { openReaders, stampNow, type StreamOrder } from './live-load/readers.ts'
import { quantile } from './quantile.ts'

const CHANGES = 10

/** What a change costs where the database is asked again: equal queries of one person, and queries that all differ. */
export async function run(): Promise<CommandResult> {
  const stage = await openLoadStage()
  try {
    await fillStage(stage, { users: 1, spaces: 1, spacesPerUser: 1, tasksPerSpace: 100 })
    const metrics: Record<string, number> = {}
    for (const count of [100, 1_000]) {
      for (const kind of ['equal', 'distinct'] as const) {
        const { questions, p50Ms } = await measure(stage, streamsOf(stage, kind, count), count)
        metrics[`${kind}${count}DatabaseQueriesPerChange`] = questions
        metrics[`${kind}${count}P50Ms`] = p50Ms
        progress(`${count} ${kind}: ${questions} queries, ${p50Ms.toFixed(1)} ms per change`)
      }
    }
    return {
      name: 'requery',
      metrics,
      notes: [
        `Windows (take: 10) over 100 rows. Milliseconds from the moment the commit was sent until the last reader had the new answer; ${CHANGES} changes one after the other.`,
        'equal: one connection each, the same question of the same person. distinct: every question differs.',
      ],
    }
  } finally {
    await stage.close()
  }
}

function streamsOf({ base }: LoadStage, kind: 'equal' | 'distinct', count: number): StreamOrder[] {
  // Every window begins with the row that changes.
  const query = (index: number): WireQuery => ({
    model: 'Task',
    operation: 'findMany',
    args: { where: { priority: { gte: kind === 'equal' ? 0 : -index } }, orderBy: { id: 'asc' }, take: 10 },
  })
  if (kind === 'equal') return Array.from({ length: count }, () => ({ base, user: 'u0', queries: [query(0)] }))
  const streams: StreamOrder[] = []
  for (let from = 0; from < count; from += LIMITS.maxQueriesPerConnection) {
    const size = Math.min(LIMITS.maxQueriesPerConnection, count - from)
    streams.push({ base, user: 'u0', queries: Array.from({ length: size }, (_, index) => query(from + index)) })
  }
  return streams
}

async function measure(stage: LoadStage, streams: StreamOrder[], queries: number): Promise<{ questions: number; p50Ms: number }> {
  const readers = await openReaders(streams)
  const times: number[] = []
  let questions = 0
  for (let change = 0; change < CHANGES; change++) {
    await readers.note()
    const sentAt = stampNow()
    questions += await stage.questionsDuring(async () => {
      await stage.sql(`UPDATE "Task" SET title = $1 WHERE id = 't0-0'`, [`Task ${sentAt}`])
      await readers.until(queries)
    })
    const { arrivals } = await readers.report()
    times.push(Math.max(...arrivals) - sentAt)
  }
  await readers.close()
  return { questions: questions / CHANGES, p50Ms: quantile(times, 0.5) }
}
