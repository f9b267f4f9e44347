/** What a process of the stream fuzzer is told. */
export interface FuzzJob {
  worker: number
  redisUrl: string
  /** The database's catalog as JSON. */
  catalogFile: string
  /** Each handled event is written here as a line: monotonic time, id, key, rank. */
  outFile: string
  leaseMs: number
  /** Acknowledge some events without handling them. */
  isMutated: boolean
}
