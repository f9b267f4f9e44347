import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from '@playwright/test'

/** What axe finds wrong with the page as it is, one line each. */
export async function faults(page: Page): Promise<string[]> {
  // Sheets slide in and rows light up; colours are judged when they have come to rest.
  await page.evaluate(async () => {
    const running = (): Animation[] =>
      document.getAnimations().filter(({ playState, effect }) => playState === 'running' && effect?.getTiming().iterations !== Infinity)
    // One that is canceled is at rest too, and another may have taken its place.
    while (running().length > 0) await Promise.all(running().map((animation) => animation.finished.catch(() => {})))
  })
  const { violations } = await new AxeBuilder({ page }).analyze()
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(' ')}: ${node.failureSummary ?? ''}`))
}
