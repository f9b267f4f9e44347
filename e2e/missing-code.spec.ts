import { expect, test } from './support/test.ts'
import { Tandem } from './support/tandem.ts'

const LATER_CODE = /\/later-[^/]*\.js$/

test.describe('a page whose later code is held back', () => {
  test('says what is missing, and is live when it comes', async ({ page, demo }) => {
    await page.route(LATER_CODE, (route) => route.abort())
    const tandem = new Tandem(page)
    await page.goto(demo.url)
    await expect(tandem.left.pane.locator('.live-pill')).toHaveText('Incomplete')
    await expect(tandem.left.pane.locator('.skeleton')).toContainText('A part of this page did not load.')
    await page.unroute(LATER_CODE)
    await tandem.left.isLive()
    await tandem.right.isLive()
    await demo.sql(`UPDATE task SET title = 'Proofread again' WHERE id = 'labels'`)
    await expect(tandem.left.card('Proofread again')).toBeVisible()
  })
})
