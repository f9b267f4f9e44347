import type { Page } from '@playwright/test'
import { readClock } from './stamps.ts'

/** What to add to the page's times to have this process's, and how wrong that can be. */
export interface ClockOffset {
  ms: number
  errorMs: number
}

const ASKED = 200

export function now(): number {
  return performance.timeOrigin + performance.now()
}

/** Asks the page for its time often; the answer that came back fastest says most. */
export async function compareClocks(page: Page): Promise<ClockOffset> {
  let best: ClockOffset = { ms: 0, errorMs: Infinity }
  for (let asked = 0; asked < ASKED; asked++) {
    const before = now()
    const there = await readClock(page)
    const after = now()
    const errorMs = (after - before) / 2
    if (errorMs < best.errorMs) best = { ms: before + errorMs - there, errorMs }
  }
  return best
}
