import { fileURLToPath } from 'node:url'
import { findDebezium, startDebezium, startRedis, type DebeziumServer, type RedisServer } from '@zenstack-live/testing'
import { startDemo } from './support/demo.ts'
import { expect, test as base } from './support/test.ts'

/*
 * Postgres ► Debezium Server ► Redis ► edge ► browser, where Java and the distribution are at hand (docs/debezium.md).
 */

const SETTINGS = fileURLToPath(new URL('../debezium/application.properties', import.meta.url))
const START_MS = 240_000

const test = base.extend<{ databaseUrl: string; log: RedisServer; debezium: DebeziumServer }>({
  databaseUrl: async ({ postgres, site }, use) => {
    const databaseUrl = await postgres.createDatabase()
    // What `zenstack-live setup` does: a demo that captures by itself makes the publication and sets REPLICA IDENTITY FULL.
    const redis = await startRedis()
    const demo = await startDemo(databaseUrl, redis.url, site)
    await demo.stop()
    await redis.stop()
    await use(databaseUrl)
  },
  // oxlint-disable-next-line no-empty-pattern -- Playwright reads the fixtures it needs from this pattern.
  log: async ({}, use) => {
    const redis = await startRedis({ isPersistent: true })
    await use(redis)
    await redis.stop()
  },
  debezium: async ({ databaseUrl, log }, use) => {
    const program = findDebezium()
    if (program === undefined) throw new Error('Debezium Server went away.')
    const debezium = await startDebezium({
      program,
      settingsFile: SETTINGS,
      postgresUrl: databaseUrl,
      redisUrl: log.url,
      settings: { 'debezium.source.slot.name': 'demo_debezium' },
    })
    await use(debezium)
    await debezium.stop()
  },
  own: async ({ databaseUrl, debezium, log, site }, use) => {
    expect(debezium.pid, 'Debezium captures before anything is written').toBeDefined()
    const demo = await startDemo(databaseUrl, log.url, site, { DEMO_CAPTURE: 'off' })
    await use({ redis: log, demo })
    await demo.stop()
  },
})
test.use({ isDemoShared: false })

test.describe('the demo', () => {
  test.skip(findDebezium() === undefined, 'Debezium Server or Java 21 is not here')
  test.setTimeout(2 * START_MS)

  test('shows on a live Debezium Server what others write, and nothing twice after it was killed', async ({ tandem, demo, debezium }) => {
    const { left, right } = tandem
    await left.addTask('Rehearse the opening speech')
    await expect(right.card('Rehearse the opening speech')).toBeVisible()
    await right.openTask('Rehearse the opening speech')
    await right.sheet.getByRole('radio', { name: 'Doing' }).click({ force: true })
    await expect(left.column('Doing').locator('.card', { hasText: 'Rehearse the opening speech' })).toBeVisible()
    await right.closeSheet()

    await left.openTask('Print the posters on recycled stock')
    await left.sheet.getByRole('spinbutton', { name: 'Budget' }).fill('987654321')
    await left.sheet.getByRole('spinbutton', { name: 'Budget' }).blur()
    await expect(left.card('Print the posters on recycled stock')).toContainText('€987,654,321')
    await left.closeSheet()

    // What nobody captures waits in the slot; what was sent already comes once more.
    await debezium.kill()
    await demo.sql(`INSERT INTO task (id, space_id, title, author_id) VALUES ('olive', 'opening', 'Water the olive tree', 'tomas')`)
    await demo.sql(`DELETE FROM task WHERE title = 'Rehearse the opening speech'`)
    await expect(right.card('Rehearse the opening speech')).toBeVisible()
    await debezium.start()
    await expect(right.card('Water the olive tree')).toBeVisible({ timeout: START_MS })
    await expect(left.card('Water the olive tree')).toHaveCount(1)
    await expect(left.card('Rehearse the opening speech')).toHaveCount(0)
    await expect(right.card('Rehearse the opening speech')).toHaveCount(0)

    await demo.sql(`UPDATE task SET title = 'Water the fig tree', status = 'DONE' WHERE id = 'olive'`)
    await expect(left.column('Done').locator('.card', { hasText: 'Water the fig tree' })).toBeVisible()
    await expect(right.column('Done').locator('.card', { hasText: 'Water the fig tree' })).toHaveCount(1)
    expect(demo.recorder.bytesTo('jonas')).toContain('Water the fig tree')
    expect(demo.recorder.bytesTo('jonas'), 'a field that only its readers see').not.toContain('987654321')
  })
})
