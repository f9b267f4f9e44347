import { mkdtempSync, rmSync } from 'node:fs'
import { platform, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { progress, type CommandOptions, type CommandResult } from './command.ts'
import { EVENT_MARK } from './fan-out/event-text.ts'
import { openStreams, type Latency, type LoadClient } from './fan-out/load-client.ts'
import { compileNative } from './fan-out/native-tools.ts'
import { median } from './quantile.ts'
import { startWay, type Client, type WholeWay } from './whole-way/start-way.ts'
import { writeTitles } from './whole-way/write-titles.ts'

/*
 * Each of 5000 people watches the tasks of a space of 20, which only its members may read. 2500 tasks change each second, every change
 * a commit of its own, and is seen by 20 people: 50,000 deliveries a second, each decided for the one it goes to.
 */

const SPACES = 250
const MEMBERS = 20
const CHANGES_PER_SECOND = 2_500
const WARM_UP_MS = 3_000
const MEASURED_MS = 10_000
/** Longer than anything that still counts. */
const PATIENCE_MS = 60_000
const DEFAULT_ROUNDS = 3

interface Round {
  deliveriesPerSecond: number
  changesPerSecond: number
  latency: Latency
}

/** `runs`: rounds of ten seconds, after one that does not count; the medians do. */
export async function run({ runs = DEFAULT_ROUNDS }: CommandOptions): Promise<CommandResult> {
  if (platform() !== 'linux') throw new Error('policy-fan-out needs Linux: its client is an epoll program.')
  const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-policy-fan-out-'))
  const way = await startWay(fill)
  let client: LoadClient | undefined
  try {
    const startedMs = performance.now()
    client = await openStreams(compileNative('load-client', directory), peerOf(way), SPACES * MEMBERS)
    progress(`${SPACES * MEMBERS} streams in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
    progress(`warm: ${describe(await measure(way, client))}`)
    const rounds: Round[] = []
    for (let number = 0; number < Math.max(1, runs); number++) {
      const round = await measure(way, client)
      rounds.push(round)
      progress(`round ${number + 1}: ${describe(round)}`)
    }
    const medianOf = (value: (round: Round) => number): number => median(rounds.map(value))
    return {
      name: 'policy-fan-out',
      metrics: {
        deliveriesPerSecond: Math.round(medianOf(({ deliveriesPerSecond }) => deliveriesPerSecond)),
        p50Ms: medianOf(({ latency }) => latency.p50Ms),
        p95Ms: medianOf(({ latency }) => latency.p95Ms),
        changesPerSecond: Math.round(medianOf(({ changesPerSecond }) => changesPerSecond)),
      },
      peers: Object.fromEntries(
        rounds.map((round, index) => [`round ${index + 1}`, { ...round.latency, deliveriesPerSecond: round.deliveriesPerSecond }]),
      ),
      notes: [
        'From before the UPDATE is sent until the bytes are in the reader, every delivery counted. Postgres, capture, Redis, edge, writer and readers share this machine.',
      ],
    }
  } finally {
    await client?.stop()
    await way.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function measure(way: WholeWay, client: LoadClient): Promise<Round> {
  const before = (await client.tally()).events
  const writer = await writeTitles(way.databaseUrl, { rate: CHANGES_PER_SECOND, tasks: SPACES, mark: EVENT_MARK })
  await sleep(WARM_UP_MS)
  client.forgetLatencies()
  const [from, startedMs] = [(await client.tally()).events, performance.now()]
  await sleep(MEASURED_MS)
  const [to, endedMs] = [(await client.tally()).events, performance.now()]
  const written = await writer.stop()
  // Every change has to arrive at everybody, however late; the latency is of all of them.
  await client.expect(before + written.changes * MEMBERS, PATIENCE_MS)
  const seconds = (endedMs - startedMs) / 1000
  return { deliveriesPerSecond: (to - from) / seconds, changesPerSecond: written.changesPerSecond, latency: await client.latency() }
}

/** Everybody asks for the tasks of the space whose member they are. */
function peerOf(way: WholeWay): { port: number; request: string; openMarker: string } {
  const q = encodeURIComponent(JSON.stringify({ select: { id: true, title: true } }))
  const head = [`GET /api/live/task/findMany?q=${q} HTTP/1.1`, 'Host: 127.0.0.1', 'Accept: text/event-stream', 'X-User: person-%n', '', '']
  return { port: way.port, request: head.join('\r\n'), openMarker: 'event: ready' }
}

async function fill(db: Client): Promise<void> {
  const spaces = Array.from({ length: SPACES }, (_, index) => `space-${index}`)
  const people = Array.from({ length: SPACES * MEMBERS }, (_, index) => `person-${index}`)
  await db.user.createMany({ data: people.map((id) => ({ id, name: id })) })
  await db.space.createMany({ data: spaces.map((id) => ({ id, name: id })) })
  await db.member.createMany({ data: people.map((userId, index) => ({ userId, spaceId: `space-${index % SPACES}` })) })
  await db.task.createMany({ data: spaces.map((spaceId, index) => ({ id: `task-${index}`, spaceId, title: 'a task', ownerId: 'nobody' })) })
}

function describe({ deliveriesPerSecond, changesPerSecond, latency }: Round): string {
  return `${deliveriesPerSecond.toFixed(0)} deliveries/s of ${changesPerSecond.toFixed(0)} changes/s, p50 ${latency.p50Ms} ms, p95 ${latency.p95Ms} ms`
}
