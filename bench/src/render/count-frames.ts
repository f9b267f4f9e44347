import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type CDPSession, type Page } from '@playwright/test'
import { buildPage } from '../commit-to-browser/build-page.ts'
import { progress } from '../command.ts'
import type { Random } from '../random.ts'
import { serveList, type ListServer } from './serve-list.ts'

export interface FrameCounts {
  /** Renders of the list for each transaction that changed it. */
  rendersPerTransaction: number
  /** Frames that the page missed while it changed, of those there should have been; and while it did not. */
  changingShare: number
  idleShare: number
  framesExpected: number
  /** Processor time of the page's main thread for one transaction, painting's part included: what it takes beyond the same time at rest. */
  mainThreadMicros: number
}

export interface FrameOptions {
  readonly browserPath: string
  readonly rows: number
  readonly perSecond: number
  readonly rounds: number
  readonly roundMs: number
}

/** What the page of `bench/browser/render.tsx` has on its window. */
interface PageGlobals {
  counts: { renders: number; last: number }
  sampleFrames(ms: number): Promise<{ intervalsMs: number[] }>
}

/** From one picture on the screen to the next. */
const USUAL_FRAME_MS = 1000 / 60
const WARM_UP_MS = 2_000
const ARRIVAL_MS = 30_000

/** A virtualised list in Chromium, by turns at rest and changed: what else the machine does meets both alike. */
export async function countFrames(options: FrameOptions, random: Random): Promise<FrameCounts> {
  const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-list-'))
  try {
    await buildPage(directory, 'render.html')
    const server = await serveList(directory, options.rows, random)
    const chrome = await chromium.launch({ executablePath: options.browserPath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })
    try {
      const page = await chrome.newPage()
      await page.goto(`${server.url}render.html`)
      await page.locator(`[data-live=true][data-rows="${options.rows}"]`).waitFor()
      return await countRounds(page, server, options)
    } finally {
      await chrome.close()
      await server.close()
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function countRounds(page: Page, server: ListServer, { perSecond, rounds, roundMs }: FrameOptions): Promise<FrameCounts> {
  const idle: number[] = []
  const changing: number[] = []
  let [renders, transactions, threadMs] = [0, 0, 0]
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('Performance.enable', { timeDomain: 'threadTicks' })
  await server.change(perSecond, WARM_UP_MS)
  await arrived(page, server)
  for (let round = 1; round <= rounds; round++) {
    const begun = await threadMsOf(cdp)
    idle.push(...(await sampleFrames(page, roundMs)))
    const rested = await threadMsOf(cdp)
    const before = await rendersOf(page)
    const [intervals, changes] = await Promise.all([sampleFrames(page, roundMs), server.change(perSecond, roundMs)])
    changing.push(...intervals)
    await arrived(page, server)
    renders += (await rendersOf(page)) - before
    transactions += changes
    threadMs += (await threadMsOf(cdp)) - rested - (rested - begun)
    progress(`round ${round} of ${rounds}: dropped ${percent(shareOf(idle))} at rest, ${percent(shareOf(changing))} while changing`)
  }
  return {
    rendersPerTransaction: renders / transactions,
    changingShare: shareOf(changing),
    idleShare: shareOf(idle),
    mainThreadMicros: (threadMs / transactions) * 1000,
    framesExpected: Math.round(sum(changing) / USUAL_FRAME_MS),
  }
}

/** The list shows the last transaction, so it has shown all. */
async function arrived(page: Page, server: ListServer): Promise<void> {
  await page.waitForFunction((last) => (globalThis as unknown as PageGlobals).counts.last === last, server.lastLsn, { timeout: ARRIVAL_MS })
}

async function sampleFrames(page: Page, ms: number): Promise<number[]> {
  const { intervalsMs } = await page.evaluate((forMs) => (globalThis as unknown as PageGlobals).sampleFrames(forMs), ms)
  return intervalsMs
}

async function threadMsOf(cdp: CDPSession): Promise<number> {
  const { metrics } = await cdp.send('Performance.getMetrics')
  return (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN) * 1000
}

async function rendersOf(page: Page): Promise<number> {
  return page.evaluate(() => (globalThis as unknown as PageGlobals).counts.renders)
}

/** An interval of two frames' length has missed one. */
function shareOf(intervalsMs: readonly number[]): number {
  const missed = sum(intervalsMs.map((ms) => Math.max(0, Math.round(ms / USUAL_FRAME_MS) - 1)))
  return missed / (intervalsMs.length + missed)
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
const percent = (share: number): string => `${(share * 100).toFixed(2)} %`
