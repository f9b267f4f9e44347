import type { DataModel } from '@zenstack-live/model'
import type { Limits } from '@zenstack-live/protocol'
import type { Asker, DatabaseAnswer, Question } from './database/asker.ts'
import type { ChunkWriter } from './streams/chunk-writer.ts'
import type { EdgeDatabase } from './database/edge-database.ts'
import type { Guards } from './guards.ts'
import type { Hub } from './log/hub.ts'
import type { Identity } from './identity/identity.ts'
import type { IdentityChanges } from './identity/identity-changes.ts'
import type { IncrementalPlan } from './queries/incremental/incremental-plan.ts'
import type { Keys } from './keys.ts'
import type { EdgeClient } from './identity/live-client.ts'
import type { Metrics } from './operations/metrics.ts'
import type { Place } from './log/place.ts'
import type { NextMoments } from './queries/requery/next-moments.ts'
import type { PlannedQuery } from './queries/plan-query.ts'
import type { FrameFor } from './queries/incremental/shared-frames.ts'
import type { Tracing } from './operations/tracing.ts'
import type { Transaction } from './log/transaction.ts'
import type { Octets } from './streams/octets.ts'
import type { StreamTally } from './streams/stream-tally.ts'
import type { TickWheel } from './streams/tick-wheel.ts'

/** A few lines about what went wrong or was refused; never rows, secrets or policies. */
export interface EdgeLogger {
  warn(message: string, facts?: Record<string, unknown>): void
  error(message: string, facts?: Record<string, unknown>): void
}

/** What everything in one edge shares. */
export interface EdgeContext {
  readonly data: DataModel
  readonly hub: Hub
  readonly database: EdgeDatabase
  readonly asker: Asker
  readonly moments: NextMoments
  readonly identityChanges: IdentityChanges
  readonly keys: Keys
  readonly limits: Limits
  readonly metrics: Metrics
  readonly tracing: Tracing | undefined
  readonly guards: Guards
  readonly logger: EdgeLogger
  /** The place as positions name it; made once for each. */
  placeText(place: Place): string
  /** The id-only block of a place up to the scope; made once for each. */
  idHead(this: void, place: Place): Octets
  readonly chunks: ChunkWriter
  /** Looks at every stream from time to time. */
  readonly wheel: TickWheel
  readonly tally: StreamTally
  /** The frames of a transaction for one plan: one for all identities that see the same of it. */
  framesOf(planned: PlannedQuery, plan: IncrementalPlan, transaction: Transaction): FrameFor
  /** Whether a field's values are kept out of the log. */
  isWithheld(model: string, field: string): boolean
  readonly readNeutralPlugins: readonly string[]
  /**
   * Asks the database; the answer counts for whoever the identity still is when this resolves.
   *
   * @param isWanted - whether somebody still waits for it
   * @throws {LiveError} as both do
   */
  ask(client: EdgeClient, question: Question, isWanted?: () => boolean): Promise<DatabaseAnswer>
  /** The same; queries of one identity that want the same at the same time share the answer. */
  askShared(identity: Identity, question: Question): Promise<DatabaseAnswer>
  /** Asks that the log pass a place soon, also on an idle database. */
  nudge(): void
  /** A table was refused: the tables are looked at again, in case it has been set up since. */
  onRefusedTable(): void
}
