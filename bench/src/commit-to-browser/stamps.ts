import type { Page } from '@playwright/test'

/** What the page noted, as `bench/browser/stamps.ts` has it: numbers of writes, and when they were seen. */
export interface Stamps {
  frames: [number: number, at: number][]
  renders: [number: number, at: number][]
  paints: [number: number, at: number][]
}

/** The page's globals. */
interface PageGlobals {
  stamps: Stamps
  clock(): number
}

/** Everything that was written has long arrived by then, or never will. */
const ARRIVAL_MS = 10_000
const SETTLE_MS = 500

/** Resolves when this write, or a later one, is on the screen, and what came along had time to be. */
export async function waitForPaint(page: Page, last: number): Promise<void> {
  await page.waitForFunction((number) => (globalThis as unknown as PageGlobals).stamps.paints.some(([seen]) => seen >= number), last, {
    timeout: ARRIVAL_MS,
    polling: 100,
  })
  await page.waitForTimeout(SETTLE_MS)
}

/** Takes the notes, and lets the page begin new ones. */
export function takeStamps(page: Page): Promise<Stamps> {
  return page.evaluate(() => {
    const globals = globalThis as unknown as PageGlobals
    const taken = globals.stamps
    globals.stamps = { frames: [], renders: [], paints: [] }
    return taken
  })
}

/** The page's time, as its notes have it. */
export function readClock(page: Page): Promise<number> {
  return page.evaluate(() => (globalThis as unknown as PageGlobals).clock())
}
