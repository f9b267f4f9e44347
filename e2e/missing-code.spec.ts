import { expect, test } from './support/test.ts'
import { Tandem } from './support/tandem.ts'

const LATER_CODE = /\/later-[^/]*\.js$/

test.describe('a page whose later code is held back', () => {
  test('says what is missing when it cannot follow a change, and is live when the code comes', async ({ page, demo }) => {
    await page.route(LATER_CODE, (route) => route.abort())
    const { left, right } = new Tandem(page)
    await page.goto(demo.url)
    let edits = 0
    // Until its first results are there, a page shows what was written as one of them.
    await expect(async () => {
      await demo.sql(`UPDATE task SET title = 'Proofread, round ${++edits}' WHERE id = 'labels'`)
      await expect(left.pane.locator('.live-pill')).toHaveText('Incomplete', { timeout: 2_000 })
    }).toPass({ timeout: 40_000 })
    await page.unroute(LATER_CODE)
    // It is asked for at once, not when the pause is over.
    await page.evaluate(() => window.dispatchEvent(new Event('online')))
    await left.isLive()
    await right.isLive()
    for (const side of [left, right]) await expect(side.card(`Proofread, round ${edits}`)).toBeVisible()
  })
})
