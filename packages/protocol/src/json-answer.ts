import type { EntryId } from './entry-id.ts'
import type { ResultShape, RowKey } from './frame.ts'

/** Body of `GET {base}/{model}/{operation}` with `Accept: application/json`: ZenStack's answer, and where a stream goes on from it. */
export interface JsonAnswer {
  data: unknown
  meta?: { serialization: unknown }
  /** Resumes a stream of this query: as `Last-Event-ID` of a `GET`, or as `lastEventId` of a `POST` together with `ticket`. */
  position: string
  ticket: string
  resume: JsonResume
}

/** What a client has to know of an answer to apply the changes that follow it. */
export interface JsonResume {
  /** The answer's place in the log. */
  at: EntryId
  shape: ResultShape
  /** Names of the rows, in the answer's order; absent for a value. */
  keys?: RowKey[]
  /** What orders the rows, where the query is ordered by it. */
  sorts?: string[]
}
