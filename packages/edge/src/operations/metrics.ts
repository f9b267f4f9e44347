import { createHistogram, type Histogram } from './histogram.ts'

const DECIDE_BOUNDS = [0.00001, 0.0001, 0.001, 0.01, 0.1, 1]
const LATENCY_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]

/** Counters of one edge. They only rise, but for those that say "now". */
export interface Metrics {
  connectionsNow: number
  /** Those whose sockets take no more. */
  connectionsStalledNow: number
  connectionsOpened: number
  queriesNow: { incremental: number; requery: number }
  queriesOpened: { incremental: number; requery: number }
  /** Why queries are asked again instead of decided in memory, by reason. */
  requeryReasons: Record<string, number>
  transactions: number
  /** Queries that the index, or a table's name, found to be concerned by a transaction. */
  queriesConcerned: number
  /** Sets of an identity's memberships that a transaction was found to concern. */
  keySetsConcerned: number
  rowsDecided: number
  framesShared: number
  framesSent: number
  bytesSent: number
  /** Writes to single sockets by the socket writer, past Node. */
  directWrites: number
  /** Snapshots given, by cause: `opening`, or the reason of a reset. */
  snapshots: Record<string, number>
  requeries: number
  /** Answers thrown away because they had not seen their cause. */
  requeriesTooEarly: number
  /** Questions that wait for their turn at the database. */
  questionsWaitingNow: number
  /** Rows of answers that queries which are asked again keep, those in lists inside them among them. */
  rowsHeldNow: number
  databaseTransactions: number
  databaseQueries: number
  /** Of those, for how many ZenStack's statement was known. */
  statementsRepeated: number
  resumes: number
  resets: Record<string, number>
  refusals: Record<string, number>
  identityChecks: number
  slowReadersCut: number
  /** How often the tables were read again because they changed. */
  schemaRenewals: number
  /** Matching and deciding one transaction, for all queries. */
  decideSeconds: Histogram
  /** From the commit timestamp until all that memory decides were written to whom it concerns. */
  commitToSocketSeconds: Histogram
  /** The same for queries that are asked again: until the answer that shows the commit was given to their readers. */
  commitToAnswerSeconds: Histogram
  /** From the moment somebody may have become another until their stream was settled. */
  revocationSeconds: Histogram
}

export function createMetrics(): Metrics {
  return {
    connectionsNow: 0,
    connectionsStalledNow: 0,
    connectionsOpened: 0,
    queriesNow: { incremental: 0, requery: 0 },
    queriesOpened: { incremental: 0, requery: 0 },
    requeryReasons: {},
    transactions: 0,
    queriesConcerned: 0,
    keySetsConcerned: 0,
    rowsDecided: 0,
    framesShared: 0,
    framesSent: 0,
    bytesSent: 0,
    directWrites: 0,
    snapshots: {},
    requeries: 0,
    requeriesTooEarly: 0,
    questionsWaitingNow: 0,
    rowsHeldNow: 0,
    databaseTransactions: 0,
    databaseQueries: 0,
    statementsRepeated: 0,
    resumes: 0,
    resets: {},
    refusals: {},
    identityChecks: 0,
    slowReadersCut: 0,
    schemaRenewals: 0,
    decideSeconds: createHistogram(DECIDE_BOUNDS),
    commitToSocketSeconds: createHistogram(LATENCY_BOUNDS),
    commitToAnswerSeconds: createHistogram(LATENCY_BOUNDS),
    revocationSeconds: createHistogram(LATENCY_BOUNDS),
  }
}

export function countIn(counters: Record<string, number>, name: string): void {
  counters[name] = (counters[name] ?? 0) + 1
}
