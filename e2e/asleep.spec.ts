import type { Page } from '@playwright/test'
import { editWhileAway, expectEdits, tasksSnapshots } from './support/away.ts'
import { expect, test } from './support/test.ts'

test.describe('a page that slept is exact again, without a second snapshot', () => {
  test('after its laptop was closed: nothing ran, and the network went away', async ({ tandem, demo, page }) => {
    const wakeUp = await stopScripts(page)
    await editWhileAway(demo)
    demo.recorder.cutStreams()
    await wakeUp()
    await expectEdits(tandem)
    expect(tasksSnapshots(demo, 'jonas')).toBe(1)
  })

  test('after the browser froze it in the background', async ({ tandem, demo, page }) => {
    // Playwright keeps its pages visible, and a visible page is never frozen: it is told so, and then really does not run.
    await page.evaluate(() => document.dispatchEvent(new Event('freeze')))
    await expect(tandem.right.pane.locator('.live-pill')).not.toHaveText('Live')
    const wakeUp = await stopScripts(page)
    await editWhileAway(demo)
    await wakeUp()
    await page.evaluate(() => document.dispatchEvent(new Event('resume')))
    await expectEdits(tandem)
    expect(tasksSnapshots(demo, 'jonas')).toBe(1)
  })
})

/** From here on no script, timer or event of the page runs, until the returned function is called. */
async function stopScripts(page: Page): Promise<() => Promise<void>> {
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('Debugger.enable')
  const paused = new Promise((resolve) => devtools.once('Debugger.paused', resolve))
  await devtools.send('Debugger.pause')
  // It stops at the next statement, and this is one.
  void page.evaluate('0')
  await paused
  return async () => {
    await devtools.send('Debugger.resume')
    await devtools.detach()
  }
}
