import { mkdtempSync, rmSync } from 'node:fs'
import { platform, tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres, startRedis, type PostgresServer, type RedisServer } from '@zenstack-live/testing'
import { progress, type CommandOptions, type CommandResult } from './command.ts'
import { edgePeer } from './fan-out/edge-peer.ts'
import { EVENT_BYTES } from './fan-out/event-text.ts'
import { canPin, compileNative, pinned } from './fan-out/native-tools.ts'
import { findNchan } from './fan-out/nchan.ts'
import { nodePeer, startProgram, type Peer } from './fan-out/peer.ts'
import { measureRounds, type Rounds } from './fan-out/rounds.ts'
import { setStage, type Stage } from './fan-out/stage.ts'
import { median } from './quantile.ts'

/*
 * One event to everyone: how much processor time of the server does one delivery take? Ours is the whole edge behind the log, every
 * connection another person's query under a policy; the others only send.
 *
 * The servers take turns within each round, and each is compared with what the others needed in the same round: absolute numbers of a
 * shared machine say little.
 */

const SIZES = [1000, 5000] as const
/** A turn takes a tenth of a second: as many as even out what a shared machine does meanwhile. */
const DEFAULT_ROUNDS = 15
/** As `apps/edge/Dockerfile` has it. */
const IMAGE_FLAGS = ['--max-semi-space-size=8']

/** `runs`: rounds. */
export async function run({ runs = DEFAULT_ROUNDS }: CommandOptions): Promise<CommandResult> {
  if (platform() !== 'linux') throw new Error('fan-out needs Linux: its client and its bar are epoll programs, and costs are read from /proc.')
  const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-fan-out-'))
  const [postgres, redis] = await Promise.all([startPostgres(), startRedis()])
  try {
    const client = compileNative('load-client', directory)
    const nchan = findNchan(directory)
    const notes = [
      `Events of ${EVENT_BYTES} bytes, ${runs} interleaved rounds, medians. Servers on one processor, the client on another: ${canPin() ? 'pinned' : 'not pinned (no taskset)'}.`,
    ]
    if ('missing' in nchan) notes.push(nchan.missing)
    const others = [...senders(directory), ...('missing' in nchan ? [] : [nchan])]
    const small = await withStages(
      client,
      [...others, ...edges(postgres, redis), edgePeer('edge2Workers', { postgres, redis, workers: 2, flags: IMAGE_FLAGS })],
      SIZES[0],
      (stages) => measureRounds(stages, runs),
    )
    progress(`${SIZES[0]} connections: ${JSON.stringify({ ...ratiosOf(small, ''), table: tableOf([small]) })}`)
    const large = await withStages(client, [...others, ...edges(postgres, redis)], SIZES[1], async (stages) => {
      const rounds = await measureRounds(stages, runs)
      if ((await stages.find(({ name }) => name === 'edge')?.directWrites()) === 0)
        notes.push('The socket writer was not compiled where this was installed: `edge` wrote as `edgePlain` does.')
      return rounds
    })
    return { name: 'fan-out', metrics: metricsOf(small, large), peers: tableOf([small, large]), notes }
  } finally {
    await Promise.all([postgres.stop(), redis.stop()])
    rmSync(directory, { recursive: true, force: true })
  }
}

function senders(directory: string): Peer[] {
  const bar = compileNative('epoll-server', directory)
  return [
    { name: 'c', start: () => startProgram(pinned(0, [bar, String(EVENT_BYTES)]), false) },
    nodePeer('nodeHttp', 'node-http.ts'),
    nodePeer('streamSse', 'stream-sse.ts'),
    nodePeer('betterSse', 'better-sse.ts'),
  ]
}

/** As the image runs it, and as an application has it that installs nothing but what it must. */
function edges(postgres: PostgresServer, redis: RedisServer): Peer[] {
  return [
    edgePeer('edge', { postgres, redis, workers: 1, flags: IMAGE_FLAGS }),
    edgePeer('edgePlain', { postgres, redis, workers: 1, env: { ZENSTACK_LIVE_NO_SOCKET_WRITER: '1' } }),
  ]
}

async function withStages(
  client: string,
  peers: readonly Peer[],
  connections: number,
  use: (stages: readonly Stage[]) => Promise<Rounds>,
): Promise<Rounds> {
  const stages: Stage[] = []
  try {
    for (const peer of peers) {
      const startedMs = performance.now()
      const stage = await setStage(client, peer, connections)
      stages.push(stage)
      const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
      progress(`${peer.name}: ${connections} connections in ${seconds} s, ${stage.residentKiBPerConnection.toFixed(1)} KiB each`)
    }
    return await use(stages)
  } finally {
    for (const stage of stages) await stage.close()
  }
}

function metricsOf(small: Rounds, large: Rounds): Record<string, number> {
  return {
    ...ratiosOf(small, ''),
    ratioToCPlain: median(small.ratios('edgePlain', 'c')),
    ...ratiosOf(large, String(SIZES[1])),
    rssPerConnectionKiB: large.stages.find((stage) => stage.name === 'edge')?.residentKiBPerConnection ?? Number.NaN,
    cpuRatioTwoWorkers: median(small.ratios('edge2Workers', 'edge')),
  }
}

/** What our edge costs in units of the others, and of itself. */
function ratiosOf(rounds: Rounds, suffix: string): Record<string, number> {
  const metrics: Record<string, number> = {}
  for (const [name, peer] of [
    ['ratioToC', 'c'],
    ['ratioToStreamSse', 'streamSse'],
    ['ratioToBetterSse', 'betterSse'],
    ['ratioToNchan', 'nchan'],
  ] as const) {
    if (rounds.stages.some((stage) => stage.name === peer)) metrics[name + suffix] = median(rounds.ratios('edge', peer))
  }
  metrics[`ratioToCSpread${suffix}`] = spread(rounds.ratios('edge', 'c'))
  metrics[`coalesced8Ratio${suffix}`] = median(rounds.coalescedRatios('edge'))
  return metrics
}

function tableOf(sizes: readonly Rounds[]): Record<string, Record<string, number>> {
  const table: Record<string, Record<string, number>> = {}
  for (const rounds of sizes) {
    for (const stage of rounds.stages) {
      const { connections } = stage
      const row = (table[stage.name] ??= {})
      row[`cpuUs${connections}`] = median(rounds.cpuUs(stage.name))
      row[`spread${connections}`] = spread(rounds.cpuUs(stage.name))
      row[`cpuUsOf8x${connections}`] = median(rounds.coalescedCpuUs(stage.name))
      row[`lastArrivalMs${connections}`] = median(rounds.lastArrivalMs(stage.name))
      row[`rssKiB${connections}`] = stage.residentKiBPerConnection
      row['bytes'] = stage.bytesPerEvent
    }
  }
  return table
}

/** How far apart the rounds are, as a part of their median. */
function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values)
}
