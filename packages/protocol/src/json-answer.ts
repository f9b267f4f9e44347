import type { EntryId } from './entry-id.ts'
import type { Engine, ResultShape, RowKey } from './frame.ts'

/** Body of `GET {base}/{model}/{operation}` with `Accept: application/json`: ZenStack's answer, and where a stream goes on from it. */
export interface JsonAnswer {
  data: unknown
  meta?: { serialization: unknown }
  /** Resumes a `GET` stream of this query. */
  position: string
  /** Resumes this query on a `POST` connection, together with `resume.lastEventId`. */
  ticket: string
  resume?: JsonResume
}

/** What a `POST` connection and its client need to go on from an answer without a snapshot. */
export interface JsonResume {
  /** The answer's place in the log, as a position of a connection with many queries. */
  lastEventId: string
  at: EntryId
  engine: Engine
  shape: ResultShape
  /** Names of the rows, in the answer's order; absent for a value. */
  keys?: RowKey[]
  /** What orders the rows, where the query is ordered by it. */
  sorts?: string[]
}
