import { LiveError, type QueryId } from '@zenstack-live/protocol'
import type { Connection } from './connection.ts'
import type { ConnectionEvent } from './connection-machine.ts'
import { EMPTY_QUERY_VIEW } from './connection-view.ts'
import { readJson } from './json-read.ts'
import { dataOf, valueResult } from './query-result.ts'
import { shareStructure } from './share-structure.ts'
import { endOf } from './stream-end.ts'
import type { WatchedQuery } from './watched-query.ts'

/** Asks for each query once, in place of listening, and shows the answers together. */
export async function pollQueries(connection: Connection, signal: AbortSignal): Promise<ConnectionEvent> {
  const { host } = connection
  const { stay } = host
  const isCurrent = (watched: WatchedQuery): boolean => {
    // Perhaps nobody noticed yet that they left.
    host.scope()
    return !signal.aborted && host.stay === stay && host.asked().includes(watched)
  }
  const answered = new Set<QueryId>()
  const ask = async (watched: WatchedQuery): Promise<ConnectionEvent | undefined> => {
    const { id, query } = watched
    try {
      const { data } = await readJson(query, { ...connection.options, signal })
      if (!isCurrent(watched)) return undefined
      const { result } = connection.view(id)
      connection.seed(id, { ...EMPTY_QUERY_VIEW, result: valueResult(result ? shareStructure(dataOf(result), data) : data) })
      answered.add(id)
    } catch (error) {
      if (!(error instanceof LiveError) || !isCurrent(watched)) return undefined
      const end = endOf(error.code)
      if (end.kind === 'refused') host.refused(id, end.code)
      return end
    }
    return undefined
  }
  const asked = host.asked().filter(({ query }) => query.operation !== '$changes')
  const ends = await Promise.all(asked.map(ask))
  if (host.stay === stay) host.shown(answered, false)
  return ends.find((end) => end?.kind === 'auth-expired') ?? { kind: 'polled' }
}
