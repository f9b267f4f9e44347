import { expect, test } from './support/test.ts'
import { faults } from './support/faults.ts'

const WIDE = { width: 1440, height: 900 }
const NARROW = { width: 390, height: 844 }

test.describe('the page', () => {
  for (const scheme of ['light', 'dark'] as const) {
    test(`has no accessibility faults, ${scheme}`, async ({ tandem: { page, left, right } }) => {
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' })
      expect(await faults(page)).toEqual([])
      await left.openTask('Calibrate the projectors in room three')
      await right.openMembers()
      expect(await faults(page)).toEqual([])
      await right.sheet.getByRole('button', { name: 'Close' }).click()
      await right.pane.getByRole('button', { name: 'Talk' }).click()
      await expect(right.pane.getByRole('list', { name: 'Comments, newest first' })).toContainText('The printer has the paper')
      expect(await faults(page)).toEqual([])
      await right.signOut()
      expect(await faults(page)).toEqual([])
    })

    test(`has no accessibility faults on a phone, ${scheme}`, async ({ tandem: { page } }) => {
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' })
      await page.setViewportSize(NARROW)
      for (const view of ['Jonas', 'SQL', 'Streams', 'Mara']) {
        await page.getByRole('navigation', { name: 'Views' }).getByRole('button', { name: view }).click()
        expect(await faults(page), view).toEqual([])
      }
    })
  }

  test('does not scroll sideways', async ({ tandem: { page } }) => {
    for (const viewport of [WIDE, { width: 1024, height: 768 }, NARROW, { width: 320, height: 640 }]) {
      await page.setViewportSize(viewport)
      expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), `at ${viewport.width}`).toBe(0)
      const last = await page.locator('.top-actions .segments label').last().boundingBox()
      expect((last?.x ?? viewport.width) + (last?.width ?? 0), `the last button at ${viewport.width}`).toBeLessThanOrEqual(viewport.width)
    }
  })

  test('can be used with the keyboard alone', async ({ tandem: { page, left, right } }) => {
    const card = left.card('Print the posters on recycled stock').getByRole('button')
    await card.focus()
    await page.keyboard.press('Shift+ArrowRight')
    await expect(right.column('Doing').locator('.card', { hasText: 'Print the posters' })).toBeVisible()
    await left.card('Print the posters on recycled stock').getByRole('button').focus()
    await page.keyboard.press('Enter')
    await expect(left.sheet).toBeFocused()
    await page.keyboard.press('Escape')
    await expect(left.sheet).toHaveCount(0)
    await expect(left.card('Print the posters on recycled stock').getByRole('button')).toBeFocused()

    const sql = page.getByRole('textbox', { name: 'SQL statement' })
    await sql.fill(`DELETE FROM task WHERE id = 'poster'`)
    await sql.press('Control+Enter')
    await expect(left.card('Print the posters on recycled stock')).toHaveCount(0)
  })

  test('drags a card to another column, on its own side only', async ({ tandem: { left, right } }) => {
    await left.card('Taste the canapés').dragTo(left.column('To do').getByRole('heading'))
    await expect(right.column('To do').locator('.card', { hasText: 'Taste the canapés' })).toBeVisible()
    await left.card('Taste the canapés').dragTo(right.column('Doing').getByRole('heading'))
    await expect(right.column('Doing').locator('.card', { hasText: 'Taste the canapés' })).toHaveCount(0)
  })

  test('remembers the theme', async ({ tandem: { page } }) => {
    await page.getByRole('radio', { name: 'dark' }).check({ force: true })
    await page.reload()
    await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark')
  })
})
