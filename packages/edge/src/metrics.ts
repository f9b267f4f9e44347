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
  rowsDecided: number
  framesShared: number
  framesSent: number
  bytesSent: number
  /** Snapshots given, by cause: `opening`, or the reason of a reset. */
  snapshots: Record<string, number>
  requeries: number
  /** Answers thrown away because they had not seen their cause. */
  requeriesTooEarly: number
  databaseTransactions: number
  databaseQueries: number
  resumes: number
  resets: Record<string, number>
  refusals: Record<string, number>
  identityChecks: number
  slowReadersCut: number
  /** How often the tables were read again because they changed. */
  schemaRenewals: number
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
    rowsDecided: 0,
    framesShared: 0,
    framesSent: 0,
    bytesSent: 0,
    snapshots: {},
    requeries: 0,
    requeriesTooEarly: 0,
    databaseTransactions: 0,
    databaseQueries: 0,
    resumes: 0,
    resets: {},
    refusals: {},
    identityChecks: 0,
    slowReadersCut: 0,
    schemaRenewals: 0,
  }
}

export function countIn(counters: Record<string, number>, name: string): void {
  counters[name] = (counters[name] ?? 0) + 1
}
