import type { Interest } from '@zenstack-live/access'
import type { KeySetHolder } from './incremental/key-set-holder.ts'
import type { LiveQuery, Reader } from './live-query.ts'

/** What binds a query that memory decides to what it shares with others. */
export interface MemoryTies {
  /** The membership predicates of its policies and filter, for its identity; none where the database is asked. */
  readonly keySets: readonly KeySetHolder[]
  /** It follows the stream from now on; only these rows can concern it. Called again when they are others. */
  onInterest(query: LiveQuery, interest: Interest): void
  /** Its last reader left. */
  onDeserted(): void
}

/** A query that has such ties, unless it asks the database. */
export interface TiedQuery extends LiveQuery {
  /** Those who begin anew where another query answers from now on. */
  readers(): readonly Reader[]
}
