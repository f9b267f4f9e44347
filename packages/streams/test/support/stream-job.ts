/** What a process with a stream is told, as its argument. */
export interface StreamJob {
  redisUrl: string
  logName: string
  /** The database's catalog, as JSON text. */
  catalog: string
  id: string
  leaseMs: number
  maxDeliveries: number
  /** What the handler does with an event, by its rank; the others it just handles. */
  deeds: Readonly<Record<number, Deed>>
}

/** `wait`, `fail`: until the parent says `finish`. `kill`, `exit`: the process ends in the middle of it. */
export type Deed = 'wait' | 'fail' | 'kill' | 'exit'

/** What it tells its parent. */
export type StreamWord = `${'handling' | 'handled' | 'lost'} ${number}`
