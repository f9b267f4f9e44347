import { expect, test } from './support/test.ts'
import { Tandem } from './support/tandem.ts'

const LATER_CODE = /\/later-[^/]*\.js$/

test('a page asks for the code that reads its rows before it asks for the rows', async ({ page, demo }) => {
  const asked: string[] = []
  page.on('request', (request) => {
    const { pathname } = new URL(request.url())
    if (LATER_CODE.test(pathname)) asked.push('code')
    if (pathname === '/api/live') asked.push('rows')
  })
  const { left } = new Tandem(page)
  await page.goto(demo.url)
  await left.isLive()
  expect(asked.slice(0, 2)).toEqual(['code', 'rows'])
})

test.describe('a page whose later code is held back', () => {
  test('says what is missing, and is live when the code comes', async ({ page, demo }) => {
    await page.route(LATER_CODE, (route) => route.abort())
    const { left, right } = new Tandem(page)
    await page.goto(demo.url)
    await expect(left.pane.getByText('A part of this page did not load.')).toBeVisible({ timeout: 30_000 })
    // What its first request was answered with waits to be read, and what happens meanwhile.
    await demo.sql(`UPDATE task SET title = 'Proofread meanwhile' WHERE id = 'labels'`)
    await page.unroute(LATER_CODE)
    // It is asked for at once, not when the pause is over.
    await page.evaluate(() => window.dispatchEvent(new Event('online')))
    await left.isLive()
    await right.isLive()
    for (const side of [left, right]) await expect(side.card('Proofread meanwhile')).toBeVisible()
  })
})
