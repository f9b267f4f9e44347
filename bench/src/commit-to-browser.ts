import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, loadavg, platform, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium, type Page } from '@playwright/test'
import { findBrowser, startPostgres, startRedis } from '@zenstack-live/testing'
import { progress, type CommandOptions, type CommandResult } from './command.ts'
import { buildPage } from './commit-to-browser/build-page.ts'
import { compareClocks, type ClockOffset } from './commit-to-browser/clock.ts'
import { fillDatabase } from './commit-to-browser/fill-database.ts'
import { firstSeen } from './commit-to-browser/first-seen.ts'
import type { ServerSettings } from './commit-to-browser/server.ts'
import { takeStamps, waitForPaint } from './commit-to-browser/stamps.ts'
import { commitTimes, createWriter, TASKS, type Commit } from './commit-to-browser/writer.ts'
import { startLineProcess } from './fan-out/line-process.ts'
import { cpuMicroseconds } from './fan-out/process-cost.ts'
import { median, quantile } from './quantile.ts'

/*
 * Postgres, capture, Redis, edge, Chromium, React: how long after a commit does the page have it, and show it?
 *
 * All clocks are the machine's. The page's is compared with this process's before each round, over the browser's debugging pipe.
 */

const RATES = [50, 200] as const
/** The rate whose metrics have plain names. */
const MAIN_RATE = 200
const DEFAULT_ROUNDS = 3
const WARM_UP_MS = 2_000
const ROUND_MS = 8_000

type Latencies = Record<'frame' | 'frameFromCommitTimestamp' | 'render' | 'paint', number[]>

/** All rounds at one rate. */
interface AtRate {
  latencies: Latencies
  /** Processor time of capture and edge for one commit, round by round; empty where it cannot be read. */
  serverCpuUs: number[]
}

/** `runs`: rounds at each rate. */
export async function run({ runs = DEFAULT_ROUNDS }: CommandOptions): Promise<CommandResult> {
  const browser = findBrowser(progress)
  if (browser.path === undefined) throw new Error(browser.cure)
  const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-page-'))
  const [postgres, redis] = await Promise.all([
    startPostgres({ settings: { fsync: 'on', full_page_writes: 'on', track_commit_timestamp: 'on' } }),
    startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'everysec'] }),
    buildPage(directory),
  ])
  try {
    const databaseUrl = await postgres.createDatabase()
    await fillDatabase(databaseUrl)
    return await measure({ databaseUrl, redisUrl: redis.url, page: directory }, browser.path, runs)
  } finally {
    await Promise.all([postgres.stop(), redis.stop()])
    rmSync(directory, { recursive: true, force: true })
  }
}

async function measure(settings: ServerSettings, executablePath: string, rounds: number): Promise<CommandResult> {
  const flags = (process.env['BENCH_NODE_FLAGS'] ?? '').split(' ').filter(Boolean)
  const program = fileURLToPath(new URL('commit-to-browser/server.ts', import.meta.url))
  const server = startLineProcess([process.execPath, '--conditions=@zenstack-live/source', ...flags, program], {
    env: { BENCH_SERVER: JSON.stringify(settings) },
  })
  const chrome = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })
  const writer = await createWriter(settings.databaseUrl)
  try {
    const page = await chrome.newPage()
    await page.goto(`http://127.0.0.1:${await server.hear('port')}/`)
    await page
      .locator('[data-live=true] li')
      .nth(TASKS - 1)
      .waitFor()
    const all = new Map<number, AtRate>(
      RATES.map((rate) => [rate, { latencies: { frame: [], frameFromCommitTimestamp: [], render: [], paint: [] }, serverCpuUs: [] }]),
    )
    let clock: ClockOffset = { ms: 0, errorMs: 0 }
    for (let round = 1; round <= rounds; round++) {
      for (const [rate, { latencies, serverCpuUs }] of all) {
        clock = await compareClocks(page)
        await writer.write({ perSecond: rate, durationMs: WARM_UP_MS })
        const cpuBefore = cpuOf(server.pid)
        const commits = await writer.write({ perSecond: rate, durationMs: ROUND_MS })
        const measured = await collect(page, commits, settings.databaseUrl, clock)
        if (cpuBefore !== undefined) serverCpuUs.push(((cpuOf(server.pid) ?? 0) - cpuBefore) / commits.length)
        for (const kind of kindsOf(latencies)) latencies[kind].push(...measured[kind])
        progress(
          `round ${round} of ${rounds}, ${rate}/s: frame ${describe(measured.frame)}, render ${describe(measured.render)}, paint ${describe(measured.paint)}`,
        )
      }
    }
    return resultOf(all, clock)
  } finally {
    await writer.close()
    await chrome.close()
    await server.stop()
  }
}

/** What a round's commits took to arrive. */
async function collect(page: Page, commits: readonly Commit[], databaseUrl: string, clock: ClockOffset): Promise<Latencies> {
  const last = commits.at(-1)?.number ?? 0
  await waitForPaint(page, last)
  const stamps = await takeStamps(page)
  const committedAt = await commitTimes(databaseUrl, commits)
  const since = (seen: ReadonlyMap<number, number>, from = ({ answeredAt }: Commit): number => answeredAt): number[] =>
    commits.map((commit) => (seen.get(commit.number) ?? Number.NaN) + clock.ms - from(commit))
  const frames = firstSeen(stamps.frames)
  return {
    frame: since(frames),
    frameFromCommitTimestamp: since(frames, ({ number }) => committedAt.get(number) ?? Number.NaN),
    render: since(firstSeen(stamps.renders)),
    paint: since(firstSeen(stamps.paints)),
  }
}

function resultOf(all: ReadonlyMap<number, AtRate>, clock: ClockOffset): CommandResult {
  const metrics: Record<string, number> = {}
  const peers: Record<string, Record<string, number>> = {}
  for (const [rate, { latencies, serverCpuUs }] of all) {
    const suffix = rate === MAIN_RATE ? '' : `At${rate}`
    for (const kind of kindsOf(latencies)) {
      const values = latencies[kind].filter((value) => !Number.isNaN(value)).toSorted((a, b) => a - b)
      const [p50Ms, p99Ms] = [quantile(values, 0.5), quantile(values, 0.99)]
      metrics[`${kind}P50Ms${suffix}`] = p50Ms
      metrics[`${kind}P99Ms${suffix}`] = p99Ms
      const notSeen = latencies[kind].length - values.length
      peers[`${kind} at ${rate}/s`] = {
        commits: latencies[kind].length,
        notSeen,
        p50Ms,
        p90Ms: quantile(values, 0.9),
        p99Ms,
        mostMs: values.at(-1) ?? 0,
      }
    }
    if (serverCpuUs.length > 0) metrics[`serverCpuUsPerCommit${suffix}`] = median(serverCpuUs)
  }
  const notes = [
    'From the answer to COMMIT in the writing process (frameFromCommitTimestamp: from the commit timestamp of Postgres, taken before its WAL is flushed).',
    'frame: the bytes are in the page; render: React has changed the DOM; paint: the picture is on the (headless) screen, 60 a second.',
    `The page's clock differs by ${clock.ms.toFixed(3)} ms ± ${clock.errorMs.toFixed(3)} ms, which is taken out.`,
    `Load average at the end: ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} processors.`,
  ]
  return { name: 'commit-to-browser', metrics, peers, notes }
}

function cpuOf(pid: number): number | undefined {
  return platform() === 'linux' ? cpuMicroseconds([pid]) : undefined
}

function kindsOf(latencies: Latencies): (keyof Latencies)[] {
  // The keys of a record made here.
  return Object.keys(latencies) as (keyof Latencies)[]
}

function describe(values: readonly number[]): string {
  const seen = values.filter((value) => !Number.isNaN(value))
  return `${quantile(seen, 0.5).toFixed(1)}/${quantile(seen, 0.99).toFixed(1)} ms`
}
