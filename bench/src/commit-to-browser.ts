import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium, type Page } from '@playwright/test'
import { startPostgres, startRedis } from '@zenstack-live/testing'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import pg from 'pg'
import { findBrowser } from '../../scripts/find-browser.ts'
import { progress, type CommandOptions, type CommandResult } from './command.ts'
import { buildPage } from './commit-to-browser/build-page.ts'
import { compareClocks, type ClockOffset } from './commit-to-browser/clock.ts'
import type { ServerSettings } from './commit-to-browser/server.ts'
import { takeStamps, waitForPaint } from './commit-to-browser/stamps.ts'
import { commitTimes, createWriter, taskId, TASKS, type Commit, type Writer } from './commit-to-browser/writer.ts'
import { startLineProcess } from './fan-out/line-process.ts'

/*
 * Postgres, capture, Redis, edge, Chromium, React: how long after a commit does the page have it, and show it?
 *
 * All clocks are the machine's. The page's is compared with this process's before each round, over the browser's debugging pipe.
 */

const RATES = [50, 200] as const
const DEFAULT_ROUNDS = 3
const WARM_UP_MS = 2_000
const ROUND_MS = 8_000

type Latencies = Record<'frame' | 'frameFromCommitTimestamp' | 'render' | 'paint', number[]>

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
    const latencies = new Map<number, Latencies>(RATES.map((rate) => [rate, { frame: [], frameFromCommitTimestamp: [], render: [], paint: [] }]))
    let clock: ClockOffset = { ms: 0, errorMs: 0 }
    for (let round = 1; round <= rounds; round++) {
      for (const [rate, all] of latencies) {
        clock = await compareClocks(page)
        const measured = await measureRound(page, writer, settings.databaseUrl, rate, clock)
        for (const kind of kindsOf(all)) all[kind].push(...measured[kind])
        progress(
          `round ${round} of ${rounds}, ${rate}/s: frame ${describe(measured.frame)}, render ${describe(measured.render)}, paint ${describe(measured.paint)}`,
        )
      }
    }
    return resultOf(latencies, clock)
  } finally {
    await writer.close()
    await chrome.close()
    await server.stop()
  }
}

async function measureRound(page: Page, writer: Writer, databaseUrl: string, perSecond: number, clock: ClockOffset): Promise<Latencies> {
  await writer.write({ perSecond, durationMs: WARM_UP_MS })
  const commits = await writer.write({ perSecond, durationMs: ROUND_MS })
  const last = commits.at(-1)?.number ?? 0
  await waitForPaint(page, last)
  const stamps = await takeStamps(page)
  const committedAt = await commitTimes(databaseUrl, commits)
  const since = (seen: ReadonlyMap<number, number>, from: (commit: Commit) => number): number[] =>
    commits.map((commit) => (seen.get(commit.number) ?? Number.NaN) + clock.ms - from(commit))
  const answered = ({ answeredAt }: Commit): number => answeredAt
  const frames = firstSeen(stamps.frames)
  return {
    frame: since(frames, answered),
    frameFromCommitTimestamp: since(frames, ({ number }) => committedAt.get(number) ?? Number.NaN),
    render: since(firstSeen(stamps.renders), answered),
    paint: since(firstSeen(stamps.paints), answered),
  }
}

/** When each write was seen, itself or in a later one of the same task that took its place before it was looked at. */
function firstSeen(stamps: readonly [number, number][]): ReadonlyMap<number, number> {
  const seen = new Map<number, number>()
  for (const [number, at] of stamps.toReversed()) seen.set(number, at)
  for (let number = Math.max(...seen.keys()); number > 0; number--) {
    const at = Math.min(seen.get(number) ?? Infinity, seen.get(number + TASKS) ?? Infinity)
    if (at !== Infinity) seen.set(number, at)
  }
  return seen
}

function resultOf(latencies: ReadonlyMap<number, Latencies>, clock: ClockOffset): CommandResult {
  const metrics: Record<string, number> = {}
  const peers: Record<string, Record<string, number>> = {}
  for (const [rate, all] of latencies) {
    const suffix = rate === 200 ? '' : `At${rate}`
    for (const kind of kindsOf(all)) {
      const values = all[kind].filter((value) => !Number.isNaN(value)).toSorted((a, b) => a - b)
      metrics[`${kind}P50Ms${suffix}`] = percentile(values, 0.5)
      metrics[`${kind}P99Ms${suffix}`] = percentile(values, 0.99)
      peers[`${kind} at ${rate}/s`] = {
        commits: all[kind].length,
        notSeen: all[kind].length - values.length,
        p50Ms: percentile(values, 0.5),
        p90Ms: percentile(values, 0.9),
        p99Ms: percentile(values, 0.99),
        mostMs: values.at(-1) ?? 0,
      }
    }
  }
  const notes = [
    'From the answer to COMMIT in the writing process (frameFromCommitTimestamp: from the commit timestamp of Postgres, taken before its WAL is flushed).',
    'frame: the bytes are in the page; render: React has changed the DOM; paint: the picture is on the (headless) screen, 60 a second.',
    `The page's clock differs by ${clock.ms.toFixed(3)} ms ± ${clock.errorMs.toFixed(3)} ms, which is taken out.`,
  ]
  return { name: 'commit-to-browser', metrics, peers, notes }
}

function kindsOf(latencies: Latencies): (keyof Latencies)[] {
  // The keys of a record made here.
  return Object.keys(latencies) as (keyof Latencies)[]
}

function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}

function describe(values: readonly number[]): string {
  const sorted = values.filter((value) => !Number.isNaN(value)).toSorted((a, b) => a - b)
  return `${percentile(sorted, 0.5).toFixed(1)}/${percentile(sorted, 0.99).toFixed(1)} ms`
}

async function fillDatabase(url: string): Promise<void> {
  const pool = new pg.Pool({ connectionString: url })
  const db = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) })
  await db.$pushSchema()
  await db.user.createMany({
    data: [
      { id: 'ann', name: 'Ann', role: 'MANAGER' },
      { id: 'bob', name: 'Bob' },
    ],
  })
  await db.space.create({ data: { id: 'garden', name: 'Garden' } })
  await db.member.createMany({
    data: [
      { spaceId: 'garden', userId: 'ann', role: 'MANAGER' },
      { spaceId: 'garden', userId: 'bob' },
    ],
  })
  await db.task.createMany({
    data: Array.from({ length: TASKS }, (_, index) => ({ id: taskId(index), spaceId: 'garden', title: `task ${index}`, ownerId: 'ann', budget: 12 })),
  })
  await pool.end()
}
