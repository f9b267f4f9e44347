import { LIMITS, type WireQuery } from '@zenstack-live/protocol'
import { progress, type CommandResult } from './command.ts'
import { fillStage, openLoadStage, type LoadStage } from './live-load/stage.ts'
import { openReaders, stampNow, type ReaderAnswer, type StreamOrder } from './live-load/readers.ts'
import { quantile } from './quantile.ts'

const QUERIES = 1_000
const IDENTITIES = 1_000
const ROUNDS = 5

/** How soon somebody who loses a membership sees no more of it: one person with a thousand queries, and a thousand people. */
export async function run(): Promise<CommandResult> {
  const stage = await openLoadStage()
  try {
    await fillStage(stage, { users: IDENTITIES, spaces: 1, spacesPerUser: 1, tasksPerSpace: 20 })
    const one = await measureOne(stage)
    progress(`one identity: ${JSON.stringify(one)}`)
    const many = await measureMany(stage)
    return {
      name: 'revoke',
      metrics: { ...one, ...many },
      notes: [
        `p50Ms and p99Ms: of ${QUERIES} queries of one identity, from the moment the commit was sent to the frame that took the rows away; ${ROUNDS} rounds after one that does not count.`,
        `${IDENTITIES} identities with one query each lose their membership in one commit, timed alike.`,
      ],
    }
  } finally {
    await stage.close()
  }
}

async function measureOne(stage: LoadStage): Promise<Record<string, number>> {
  const queries = Array.from({ length: QUERIES }, (_, index): WireQuery => ({
    model: 'Task',
    operation: 'findMany',
    args: { where: { spaceId: 's0', priority: { lt: index + 1 } } },
  }))
  const streams: StreamOrder[] = []
  for (let from = 0; from < QUERIES; from += LIMITS.maxQueriesPerConnection) {
    streams.push({ base: stage.base, user: 'u0', queries: queries.slice(from, from + LIMITS.maxQueriesPerConnection) })
  }
  const readers = await openReaders(streams)
  const delays: number[] = []
  const lasts: number[] = []
  let questions = 0
  for (let round = 0; round <= ROUNDS; round++) {
    await readers.note()
    const sentAt = stampNow()
    const asked = await stage.questionsDuring(async () => {
      await stage.sql(`DELETE FROM "Member" WHERE "userId" = 'u0'`)
      await readers.until(QUERIES)
    })
    const { arrivals }: ReaderAnswer = await readers.report()
    if (round > 0) {
      questions += asked
      delays.push(...arrivals.map((at) => at - sentAt))
      lasts.push(Math.max(...arrivals) - sentAt)
    }
    await readers.note()
    await stage.sql(`INSERT INTO "Member" ("spaceId", "userId") VALUES ('s0', 'u0')`)
    await readers.until(QUERIES)
  }
  await readers.close()
  return {
    p50Ms: quantile(delays, 0.5),
    p99Ms: quantile(delays, 0.99),
    lastMs: quantile(lasts, 0.5),
    databaseQueriesPerRevocation: questions / ROUNDS,
  }
}

async function measureMany(stage: LoadStage): Promise<Record<string, number>> {
  const query: WireQuery = { model: 'Task', operation: 'findMany' }
  const readers = await openReaders(Array.from({ length: IDENTITIES }, (_, user) => ({ base: stage.base, user: `u${user}`, queries: [query] })))
  await readers.note()
  const sentAt = stampNow()
  await stage.sql('DELETE FROM "Member"')
  await readers.until(IDENTITIES)
  const { arrivals } = await readers.report()
  await readers.close()
  const lastMs = Math.max(...arrivals) - sentAt
  return { manyP50Ms: quantile(arrivals, 0.5) - sentAt, manyLastMs: lastMs, identitiesPerSecond: (IDENTITIES / lastMs) * 1_000 }
}
