import { mkdtempSync, rmSync } from 'node:fs'
import { platform, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { progress, type CommandOptions, type CommandResult } from './command.ts'
import { EVENT_MARK } from './fan-out/event-text.ts'
import { openStreams, type Latency, type LoadClient } from './fan-out/load-client.ts'
import { compileNative } from './fan-out/native-tools.ts'
import { median } from './quantile.ts'
import { openStallingReaders, type StallingReaders } from './stalled-readers/stalling-readers.ts'
import { watchStalls, type Stalls } from './stalled-readers/watch-stalls.ts'
import { startWay, type Client, type WholeWay } from './whole-way/start-way.ts'
import { writeTitles, type Writer } from './whole-way/write-titles.ts'

/*
 * 500 people watch the same tasks. A fifth of them stop reading for a minute while writes go on, and then read again: what do the others
 * notice, what does the edge keep for them, and what do they miss?
 *
 * Kernels keep megabytes for a socket before a write is refused, so changes are large: the refusals have to come within the minute.
 */

const HEALTHY = 400
const STALLED = 100
const TASKS = 10
const CHANGES_PER_SECOND = 15
const TITLE_BYTES = 16_000
const DEFAULT_SECONDS = 60
/** The 99th percentile of a minute is the nine worst of its changes: one pause of the machine moves it. */
const DEFAULT_ROUNDS = 3
const WARM_UP_MS = 3_000
const PATIENCE_MS = 60_000
const LOOK_EVERY_MS = 100

interface Round {
  calm: Latency
  stalled: Latency
  stalls: Stalls
  caughtUpMs: number
  kiBPerStalledReader: number
  tally: StallingReaders['tally']
}

interface Ground {
  way: WholeWay
  healthy: LoadClient
  path: string
  seconds: number
  /** Opens as many readers as will stall, of the kind that is healthy. */
  openStandIns(): Promise<LoadClient>
}

/** `seconds`: how long they do not read; it takes about 20 until all are noticed, and 10 more until they are cut. `runs`: rounds. */
export async function run({ seconds = DEFAULT_SECONDS, runs = DEFAULT_ROUNDS }: CommandOptions): Promise<CommandResult> {
  if (platform() !== 'linux') throw new Error('stalled-readers needs Linux: its client is an epoll program.')
  const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-stalled-'))
  const way = await startWay(fill)
  let healthy: LoadClient | undefined
  try {
    const q = encodeURIComponent(JSON.stringify({ select: { id: true, title: true } }))
    const path = `/api/live/task/findMany?q=${q}`
    const head = [`GET ${path} HTTP/1.1`, 'Host: 127.0.0.1', 'Accept: text/event-stream', 'X-User: person-%n', '', '']
    const peer = { port: way.port, request: head.join('\r\n'), openMarker: 'event: ready' }
    const program = compileNative('load-client', directory)
    healthy = await openStreams(program, peer, HEALTHY)
    const openStandIns = (): Promise<LoadClient> => openStreams(program, { ...peer, request: peer.request.replace('%n', '4%n') }, STALLED)
    const rounds: Round[] = []
    for (let round = 1; round <= runs; round++) {
      rounds.push(await measureRound({ way, healthy, path, seconds, openStandIns }))
      progress(`round ${round} of ${runs}: ${JSON.stringify(rounds.at(-1))}`)
    }
    return { name: 'stalled-readers', metrics: metricsOf(rounds), notes: NOTES }
  } finally {
    await healthy?.stop()
    await way.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function measureRound({ way, healthy, path, seconds, openStandIns }: Ground): Promise<Round> {
  // Those that will stall are as cheap here as the others: a reader that costs more would be missed when it stops.
  const standIns = await openStandIns()
  let calm: Latency
  try {
    calm = await measure(way, healthy, seconds, () => {})
  } finally {
    await standIns.stop()
  }
  const others = await openStallingReaders(way.port, path, users(HEALTHY, STALLED))
  try {
    const watch = watchStalls(way)
    const stalled = await measure(way, healthy, seconds, () => others.stall())
    const stalls = await watch.stop()
    const caughtUpMs = await goOn(way, others)
    const kiBPerStalledReader = await memoryOfStalled(way, others)
    await goOn(way, others)
    return { calm, stalled, stalls, caughtUpMs, kiBPerStalledReader, tally: others.tally }
  } finally {
    others.close()
  }
}

/** Medians of what differs by chance; the worst of what must not happen once. */
function metricsOf(rounds: readonly Round[]): Record<string, number> {
  const middle = (of: (round: Round) => number): number => median(rounds.map(of))
  const sum = (of: (round: Round) => number): number => rounds.reduce((total, round) => total + of(round), 0)
  const ratios = rounds.map(({ stalled, calm }) => stalled.p99Ms / calm.p99Ms)
  return {
    healthyP99Ratio: median(ratios),
    leastHealthyP99Ratio: Math.min(...ratios),
    mostHealthyP99Ratio: Math.max(...ratios),
    healthyP99Ms: middle(({ stalled }) => stalled.p99Ms),
    healthyP99WithoutMs: middle(({ calm }) => calm.p99Ms),
    healthyP95Ratio: middle(({ stalled, calm }) => stalled.p95Ms / calm.p95Ms),
    kiBPerStalledReader: Math.max(...rounds.map((round) => round.kiBPerStalledReader)),
    stallsNoticed: Math.min(...rounds.map(({ stalls }) => stalls.begun)),
    readersCut: Math.min(...rounds.map(({ stalls }) => stalls.cut)),
    longestStallMs: Math.max(...rounds.map(({ stalls }) => stalls.longestMs)),
    caughtUpMs: middle((round) => round.caughtUpMs),
    resumes: sum(({ tally }) => tally.resumes),
    resets: sum(({ tally }) => tally.resets),
    repeats: sum(({ tally }) => tally.repeats),
  }
}

const NOTES = [
  `${HEALTHY} readers and ${STALLED} that stall, ${CHANGES_PER_SECOND} changes of ${TITLE_BYTES} bytes a second to each. Of several rounds: medians of latencies, the worst of memory, of stalls noticed and cut, and of how long they were.`,
  'healthyP99Ms is from before the UPDATE is sent until the bytes are in the reader. Memory is what the edge keeps of them, with the queues of their sockets: before they are cut, less what it keeps after, while nobody writes.',
]

/** Writes for so long, and waits until every healthy reader has all of it. */
async function measure(way: WholeWay, healthy: LoadClient, seconds: number, begin: () => void): Promise<Latency> {
  const before = (await healthy.tally()).events
  const writer = await startWriting(way)
  await sleep(WARM_UP_MS)
  healthy.forgetLatencies()
  begin()
  await sleep(seconds * 1_000)
  const { changes } = await writer.stop()
  await healthy.expect(before + changes * HEALTHY, PATIENCE_MS)
  return healthy.latency()
}

/** Writes until readers are stalled, then no more: all that changes from then on is that they are cut. */
async function memoryOfStalled(way: WholeWay, others: StallingReaders): Promise<number> {
  others.stall()
  const writer = await startWriting(way)
  const { cut } = await way.slowReaders()
  await until(async () => {
    const now = await way.slowReaders()
    return now.stalled === STALLED || now.cut > cut
  })
  await writer.stop()
  await way.caughtUp()
  const { stalled } = await way.slowReaders()
  const held = await way.memory()
  await until(async () => (await way.slowReaders()).stalled === 0)
  return (held - (await way.memory())) / 1024 / stalled
}

function startWriting(way: WholeWay): Promise<Writer> {
  return writeTitles(way.databaseUrl, { rate: CHANGES_PER_SECOND, tasks: TASKS, mark: EVENT_MARK, bytes: TITLE_BYTES })
}

/** @returns how long it took until all of them held what the database holds */
async function goOn(way: WholeWay, others: StallingReaders): Promise<number> {
  const { rows } = await way.pool.query<{ id: string; title: string }>('SELECT id, title FROM "Task"')
  const titles = new Map(rows.map(({ id, title }) => [id, title]))
  const startedMs = performance.now()
  others.goOn()
  await until(async () => others.countHolding(titles) === STALLED)
  return performance.now() - startedMs
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const startedMs = performance.now()
  while (!(await condition())) {
    if (performance.now() - startedMs > PATIENCE_MS) throw new Error('Waited in vain for what stalled readers do.')
    await sleep(LOOK_EVERY_MS)
  }
}

async function fill(db: Client): Promise<void> {
  const people = users(0, HEALTHY + STALLED)
  await db.user.createMany({ data: people.map((id) => ({ id, name: id })) })
  await db.space.create({ data: { id: 'space', name: 'Space' } })
  await db.member.createMany({ data: people.map((userId) => ({ userId, spaceId: 'space' })) })
  const tasks = Array.from({ length: TASKS }, (_, index) => ({ id: `task-${index}`, spaceId: 'space', title: 'a task', ownerId: 'nobody' }))
  await db.task.createMany({ data: tasks })
}

function users(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `person-${from + index}`)
}
