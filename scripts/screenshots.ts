import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { chromium, type Browser } from '@playwright/test'
import { startPostgres, startRedis } from '@zenstack-live/testing'
import { startDemo } from '../e2e/support/demo.ts'
import { Tandem } from '../e2e/support/tandem.ts'
import config from '../playwright.config.ts'

const FOLDER = fileURLToPath(new URL('../docs/screenshots/', import.meta.url))
const WIDE = { width: 1440, height: 900 }
const NARROW = { width: 390, height: 844 }

type Scheme = 'light' | 'dark'

interface Scene {
  name: string
  viewport: { width: number; height: number }
  scheme: Scheme
  act: (tandem: Tandem) => Promise<void>
}

/** Each begins on fresh sample data. */
const SCENES: readonly Scene[] = [
  ...(['light', 'dark'] as const).map((scheme): Scene => ({ name: `wide-${scheme}`, viewport: WIDE, scheme, act: work })),
  ...(['light', 'dark'] as const).map((scheme): Scene => ({ name: `wide-sheets-${scheme}`, viewport: WIDE, scheme, act: openSheets })),
  ...(['light', 'dark'] as const).map((scheme): Scene => ({ name: `wide-shop-${scheme}`, viewport: WIDE, scheme, act: shop })),
  ...(['light', 'dark'] as const).map((scheme): Scene => ({ name: `wide-talk-${scheme}`, viewport: WIDE, scheme, act: talk })),
  { name: 'wide-removed', viewport: WIDE, scheme: 'light', act: removeMember },
  { name: 'wide-cut', viewport: WIDE, scheme: 'dark', act: cutAndEdit },
  { name: 'wide-sign-in', viewport: WIDE, scheme: 'light', act: ({ right }) => right.signOut() },
  ...(['light', 'dark'] as const).map((scheme): Scene => ({ name: `narrow-${scheme}`, viewport: NARROW, scheme, act: async () => {} })),
  { name: 'narrow-member', viewport: NARROW, scheme: 'light', act: (tandem) => view(tandem, 'Jonas') },
  { name: 'narrow-task', viewport: NARROW, scheme: 'light', act: ({ left }) => left.openTask('Calibrate the projectors in room three') },
  { name: 'narrow-shop', viewport: NARROW, scheme: 'light', act: ({ left }) => left.pane.getByRole('button', { name: 'Shop' }).click() },
  { name: 'narrow-sql', viewport: NARROW, scheme: 'dark', act: runSql },
  { name: 'narrow-streams', viewport: NARROW, scheme: 'light', act: (tandem) => view(tandem, 'Streams') },
]

async function main(): Promise<void> {
  mkdirSync(FOLDER, { recursive: true })
  const [postgres, redis] = await Promise.all([startPostgres(), startRedis()])
  const demo = await startDemo(await postgres.createDatabase(), redis.url)
  const browser = await chromium.launch(config.use?.launchOptions)
  try {
    for (const scene of SCENES) {
      await shoot(browser, demo.url, scene)
      console.log(`docs/screenshots/${scene.name}.png`)
    }
  } finally {
    await browser.close()
    await demo.stop()
    await Promise.all([postgres.stop(), redis.stop()])
  }
}

async function shoot(browser: Browser, url: string, { name, viewport, scheme, act }: Scene): Promise<void> {
  const context = await browser.newContext({ viewport: WIDE, colorScheme: scheme, reducedMotion: 'reduce', deviceScaleFactor: 1.5 })
  const page = await context.newPage()
  await page.request.post(`${url}/api/reset`)
  const tandem = new Tandem(page)
  await tandem.open(url)
  await page.setViewportSize(viewport)
  await act(tandem)
  await page.mouse.move(0, 0)
  await page.waitForTimeout(1_500)
  await page.screenshot({ path: `${FOLDER}${name}.png` })
  await context.close()
}

async function work(tandem: Tandem): Promise<void> {
  await tandem.runSql(`UPDATE task SET budget = budget * 1.1 WHERE space_id = 'opening'`)
  await tandem.left.addTask('Rehearse the opening speech')
  await tandem.right.card('Rehearse the opening speech').waitFor()
}

async function openSheets({ left, right }: Tandem): Promise<void> {
  await left.openTask('Print the posters on recycled stock')
  await left.sheet.getByText('Then Thursday it is.').waitFor()
  await right.openTask('Print the posters on recycled stock')
  await right.sheet.getByText('Then Thursday it is.').waitFor()
}

async function shop({ left, right }: Tandem): Promise<void> {
  for (const { pane } of [left, right]) await pane.getByRole('button', { name: 'Shop' }).click()
  await left.pane.getByRole('button', { name: 'Add Espresso beans' }).click()
  await right.pane.getByRole('button', { name: 'One Espresso beans more' }).click()
  await left.pane.getByText('Jonas added Espresso beans').waitFor()
  await right.pane.getByRole('slider', { name: 'Moment' }).fill('3')
}

async function talk({ left, right }: Tandem): Promise<void> {
  for (const { pane } of [left, right]) {
    await pane.getByRole('button', { name: 'Talk' }).click()
    await pane.getByRole('list', { name: 'Comments, newest first' }).getByRole('listitem').first().waitFor()
  }
}

async function removeMember({ left, right }: Tandem): Promise<void> {
  await left.openMembers()
  await left.sheet.getByRole('button', { name: 'Remove Jonas Okafor' }).click()
  await right.pane.getByRole('alert').waitFor()
}

async function cutAndEdit(tandem: Tandem): Promise<void> {
  await tandem.right.setCut(true)
  await tandem.runSql(`UPDATE task SET status = 'DONE' WHERE space_id = 'opening' AND status = 'DOING'`)
  await tandem.left.column('Done').getByText('Proofread the wall labels').waitFor()
}

async function runSql(tandem: Tandem): Promise<void> {
  await view(tandem, 'SQL')
  await tandem.runSql(`SELECT id, title, status, budget FROM task WHERE space_id = 'opening' ORDER BY position`)
}

async function view({ page }: Tandem, name: string): Promise<void> {
  await page.getByRole('navigation', { name: 'Views' }).getByRole('button', { name }).click()
}

await main()
