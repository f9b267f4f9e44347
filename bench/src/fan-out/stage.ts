import { median } from '../quantile.ts'
import { openStreams, type LoadClient } from './load-client.ts'
import type { Peer, RunningPeer } from './peer.ts'
import { cpuMicroseconds, residentKiB } from './process-cost.ts'

/** One server with all its streams open. */
export interface Stage {
  readonly name: string
  readonly connections: number
  /** What one idle stream adds to the server's resident memory. */
  readonly residentKiBPerConnection: number
  /** Of one event on the wire, all framing included. */
  bytesPerEvent: number
  measure(options: SegmentOptions): Promise<Segment>
  /** Deliveries of the server that went past Node; `undefined` where it does not say. */
  directWrites(): Promise<number | undefined>
  close(): Promise<void>
}

export interface SegmentOptions {
  deliveries: number
  /** Events that are sent at once. */
  together: number
}

export interface Segment {
  /** Processor time of the server for one event to one connection. */
  cpuUs: number
  /** From the moment the server was told until the last connection had it; the median. */
  lastArrivalMs: number
}

/** Streams that are opened and closed before memory is looked at: what the first ones cost is not what each one costs. */
const FIRST_CONNECTIONS = 200
const SETTLE_MS = 1_000

export async function setStage(clientProgram: string, peer: Peer, connections: number): Promise<Stage> {
  const running = await peer.start()
  try {
    const first = await openStreams(clientProgram, running, Math.min(FIRST_CONNECTIONS, connections))
    await first.stop()
    const before = await settledKiB(running)
    const client = await openStreams(clientProgram, running, connections)
    const after = await settledKiB(running)
    return createStage(peer.name, running, client, (after - before) / connections)
  } catch (error) {
    await running.stop()
    throw error
  }
}

async function settledKiB(running: RunningPeer): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  await running.collect()
  return residentKiB(running.pids)
}

function createStage(name: string, running: RunningPeer, client: LoadClient, residentKiBPerConnection: number): Stage {
  const { connections } = client
  let expected = 0

  const sendAndWait = async (together: number): Promise<number> => {
    expected += connections * together
    const startedMs = performance.now()
    const hasArrived = client.expect(expected)
    await Promise.all([hasArrived, running.send(together)])
    return performance.now() - startedMs
  }

  const stage: Stage = {
    name,
    connections,
    residentKiBPerConnection,
    bytesPerEvent: 0,
    async measure({ deliveries, together }) {
      const steps = Math.max(1, Math.round(deliveries / connections / together))
      const before = await client.tally()
      const cpuBefore = cpuMicroseconds(running.pids)
      const arrivals: number[] = []
      // The next one goes out when the last has arrived everywhere: nothing queues, so nothing is written together that was not sent together.
      for (let step = 0; step < steps; step++) arrivals.push(await sendAndWait(together))
      const cpu = cpuMicroseconds(running.pids) - cpuBefore
      const after = await client.tally()
      const events = steps * together * connections
      if (after.events - before.events !== events || after.fewest !== after.most) {
        throw new Error(
          `${name} sent ${events} events; ${after.events - before.events} arrived, ${after.fewest} to ${after.most} on each connection.`,
        )
      }
      if (together === 1) stage.bytesPerEvent = (after.bytes - before.bytes) / events
      return { cpuUs: cpu / events, lastArrivalMs: median(arrivals) }
    },
    directWrites: async () => running.directWrites?.(),
    async close() {
      await client.stop()
      await running.stop()
    },
  }
  return stage
}
