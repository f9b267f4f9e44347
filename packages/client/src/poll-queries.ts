import { LiveError, type ErrorCode } from '@zenstack-live/protocol'
import type { ConnectionEvent } from './connection-machine.ts'
import { endOf } from './stream-end.ts'
import type { WatchedQuery } from './watched-query.ts'

/** What asking needs from the one who keeps the queries. */
export interface PollHost {
  /** One HTTP read of the query. @throws {LiveError} when the server refuses */
  read(watched: WatchedQuery): Promise<unknown>
  /** Whether an answer is still for the one who asked. */
  isCurrent(watched: WatchedQuery): boolean
  answered(watched: WatchedQuery, data: unknown): void
  refused(watched: WatchedQuery, code: ErrorCode): void
}

/** Asks for each query once, in place of listening. */
export async function pollQueries(queries: readonly WatchedQuery[], host: PollHost): Promise<ConnectionEvent> {
  const ends = await Promise.all(queries.map((watched) => pollQuery(watched, host)))
  return ends.find((end) => end?.kind === 'auth-expired') ?? { kind: 'polled' }
}

async function pollQuery(watched: WatchedQuery, host: PollHost): Promise<ConnectionEvent | undefined> {
  try {
    const data = await host.read(watched)
    if (host.isCurrent(watched)) host.answered(watched, data)
  } catch (error) {
    if (!(error instanceof LiveError) || !host.isCurrent(watched)) return undefined
    const end = endOf(error.code)
    if (end.kind === 'refused') host.refused(watched, end.code)
    return end
  }
  return undefined
}
