import { EVENT_MARK } from './event-text.ts'
import { startLineProcess } from './line-process.ts'
import { pinned } from './native-tools.ts'
import type { RunningPeer } from './peer.ts'

/** Many open streams, held by the C client. */
export interface LoadClient {
  readonly connections: number
  /** Resolves when so many events in all have arrived, counted from the beginning, over all connections. */
  expect(events: number): Promise<void>
  tally(): Promise<Tally>
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

/** Opens the streams, and resolves when each is open. */
export async function openStreams(program: string, peer: RunningPeer, connections: number): Promise<LoadClient> {
  const client = startLineProcess(pinned(1, [program, String(peer.port), String(connections), peer.request, peer.openMarker, EVENT_MARK]))
  await client.hear('open')
  return {
    connections,
    async expect(events) {
      client.say(`expect ${events}`)
      await client.hear('done')
    },
    async tally() {
      client.say('tally')
      const [events = 0, bytes = 0, reads = 0, fewest = 0, most = 0] = (await client.hear('tally')).split(' ').map(Number)
      return { events, bytes, reads, fewest, most }
    },
    stop: () => client.stop(),
  }
}
