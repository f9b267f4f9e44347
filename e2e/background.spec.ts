import { editWhileAway, tasksSnapshots } from './support/away.ts'
import { startBackgroundBrowser, type BackgroundBrowser, type Tab } from './support/background-browser.ts'
import { expect, test as base } from './support/test.ts'

/*
 * A tab behind another one. Its timers run once a second, and once a minute after a minute there: E2E_BACKGROUND_SECONDS=240 stays for so long, and
 * holds that they did.
 */
const SECONDS = Number(process.env['E2E_BACKGROUND_SECONDS'] ?? 10)
const ONCE_A_MINUTE_SECONDS = 180

const test = base.extend<{ browserOfItsOwn: BackgroundBrowser; tab: Tab }>({
  browserOfItsOwn: async ({ browser, launchOptions }, use) => {
    const started = await startBackgroundBrowser(launchOptions.executablePath ?? browser.browserType().executablePath(), launchOptions.args ?? [])
    await use(started)
    await started.close()
  },
  /** Both people's rows, in front. */
  tab: async ({ browserOfItsOwn, demo }, use) => {
    const tab = await browserOfItsOwn.open(demo.url)
    // What is asked of a page that navigates may fail.
    await expect(async () => expect(await pills(tab)).toEqual(['Live', 'Live'])).toPass({ timeout: 30_000 })
    await use(tab)
  },
})

test.describe('a tab in the background', () => {
  test.setTimeout((SECONDS + 120) * 1000)

  test('goes on under timers that are held back, and is exact when it is seen again, on the same stream', async ({ tab, demo, browserOfItsOwn }) => {
    const before = await titles(tab)
    await hide(tab, browserOfItsOwn)
    const streams = demo.recorder.streamsOf('jonas').length
    await editWhileAway(demo)
    // It is written to all the while: no edit wakes it, and none is lost.
    let rounds = 0
    await expect
      .poll(
        async () => {
          await demo.sql(`UPDATE task SET title = 'Round ${++rounds}' WHERE id = 'catering'`)
          return hiddenForSeconds(tab)
        },
        { timeout: (SECONDS + 60) * 1000, intervals: [SECONDS * 50] },
      )
      .toBeGreaterThan(SECONDS)
    const gap = await longestGapSeconds(tab)
    expect(gap, 'its timers were held back').toBeGreaterThan(SECONDS >= ONCE_A_MINUTE_SECONDS ? 45 : 0.9)
    expect(await tab.evaluate('document.visibilityState')).toBe('hidden')
    await tab.show()
    await expectExact(tab, before, rounds)
    expect([tasksSnapshots(demo, 'jonas'), demo.recorder.streamsOf('jonas').length]).toEqual([1, streams])
  })

  test('is resumed when it is seen again, if its streams were cut meanwhile, without a second snapshot', async ({ tab, demo, browserOfItsOwn }) => {
    const before = await titles(tab)
    await hide(tab, browserOfItsOwn)
    demo.recorder.cutStreams()
    await editWhileAway(demo)
    await demo.sql(`UPDATE task SET title = 'Round 1' WHERE id = 'catering'`)
    await tab.show()
    await expectExact(tab, before, 1)
    expect(tasksSnapshots(demo, 'jonas')).toBe(1)
  })
})

/** Puts another tab in front, and notes from here on when a timer of every tenth of a second really runs. */
async function hide(tab: Tab, browser: BackgroundBrowser): Promise<void> {
  await browser.open('about:blank').then((other) => other.show())
  await expect.poll(() => tab.evaluate('document.visibilityState')).toBe('hidden')
  await tab.evaluate('window.hiddenAt = performance.now(); window.ranAt = [hiddenAt]; setInterval(() => ranAt.push(performance.now()), 100)')
}

function hiddenForSeconds(tab: Tab): Promise<unknown> {
  return tab.evaluate('(performance.now() - hiddenAt) / 1000')
}

/** Between two runs of the timer. */
function longestGapSeconds(tab: Tab): Promise<unknown> {
  return tab.evaluate('Math.max(...[...ranAt, performance.now()].slice(1).map((at, index) => at - ranAt[index])) / 1000')
}

/** Of the sides that show rows. */
function pills(tab: Tab): Promise<unknown> {
  return tab.evaluate(`[...document.querySelectorAll('.pane:has(.card) .live-pill')].map((pill) => pill.textContent)`)
}

/** Of both sides, in alphabetical order. */
async function titles(tab: Tab): Promise<string[]> {
  const text = await tab.evaluate(
    `JSON.stringify([...document.querySelectorAll('.card[data-leaving=false] .title')].map((title) => title.textContent))`,
  )
  return (JSON.parse(String(text)) as string[]).toSorted()
}

/** What `editWhileAway` makes of the titles, and the last round. */
async function expectExact(tab: Tab, before: readonly string[], rounds: number): Promise<void> {
  const names: Record<string, string> = {
    'Print the posters on recycled stock': 'Print the posters, all of them',
    'Taste the canapés': `Round ${rounds}`,
  }
  const kept = before.filter((title) => title !== 'Unpack the crates from Lisbon').map((title) => names[title] ?? title)
  await expect.poll(() => titles(tab), { timeout: 30_000 }).toEqual([...kept, 'Made while away', 'Made while away'].toSorted())
  await expect.poll(() => pills(tab)).toEqual(['Live', 'Live'])
}
