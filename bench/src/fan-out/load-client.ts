import { EVENT_MARK } from './event-text.ts'
import { startLineProcess } from './line-process.ts'
import { pinned } from './native-tools.ts'
import type { RunningPeer } from './peer.ts'

/** Many open streams, held by the C client. */
export interface LoadClient {
  readonly connections: number
  /**
   * Resolves when so many events in all have arrived, counted from the beginning, over all connections.
   *
   * @throws {Error} when that takes longer than `patienceMs`. @defaultValue as long as anything is waited for
   */
  expect(events: number, patienceMs?: number): Promise<void>
  tally(): Promise<Tally>
  /** Begins to measure anew. */
  forgetLatencies(): void
  /** Of events whose mark 16 digits follow: when they came to be, on the machine's monotonic clock, in microseconds. */
  latency(): Promise<Latency>
  stop(): Promise<void>
}

interface Tally {
  events: number
  bytes: number
  reads: number
  /** Of the connection that got the fewest events, and of the one that got the most. */
  fewest: number
  most: number
}

export interface Latency {
  events: number
  p50Ms: number
  p95Ms: number
  p99Ms: number
  mostMs: number
}

/** Opens the streams, and resolves when each is open. */
export async function openStreams(
  program: string,
  peer: Pick<RunningPeer, 'port' | 'request' | 'openMarker'>,
  connections: number,
): Promise<LoadClient> {
  const client = startLineProcess(pinned(1, [program, String(peer.port), String(connections), peer.request, peer.openMarker, EVENT_MARK]))
  await client.hear('open')
  return {
    connections,
    async expect(events, patienceMs) {
      client.say(`expect ${events}`)
      await client.hear('done', patienceMs)
    },
    async tally() {
      client.say('tally')
      const [events = 0, bytes = 0, reads = 0, fewest = 0, most = 0] = (await client.hear('tally')).split(' ').map(Number)
      return { events, bytes, reads, fewest, most }
    },
    forgetLatencies: () => client.say('forget'),
    async latency() {
      client.say('latency')
      const [events = 0, p50 = 0, p95 = 0, p99 = 0, most = 0] = (await client.hear('latency')).split(' ').map(Number)
      return { events, p50Ms: p50 / 1000, p95Ms: p95 / 1000, p99Ms: p99 / 1000, mostMs: most / 1000 }
    },
    stop: () => client.stop(),
  }
}
