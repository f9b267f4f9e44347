import { expect, test } from './support/test.ts'

test.describe('the endless list of what was said', () => {
  test('grows page by page, and stays right while others write above and below', async ({ tandem: { left, right }, demo }) => {
    await left.pane.getByRole('button', { name: 'Talk' }).click()
    const remarks = left.pane.getByRole('list', { name: 'Comments, newest first' }).getByRole('listitem')
    await expect(remarks.first()).toContainText('Room two still says')
    const firstPage = await remarks.count()
    // Each look further down brings one page more, until there is none.
    await expect(async () => {
      await remarks.last().scrollIntoViewIfNeeded()
      await expect(left.pane.getByText('That is where it began.')).toBeVisible({ timeout: 500 })
    }).toPass({ timeout: 30_000 })
    await expect(remarks).toHaveCount(65)
    expect(firstPage).toBeLessThan(65)

    await demo.sql(`INSERT INTO comment (task_id, author_id, body) VALUES ('neon', 'jonas', 'It flickers on purpose.')`)
    await demo.sql(`DELETE FROM comment WHERE id = 'night-1'; UPDATE comment SET body = 'Reading 2 was a mistake.' WHERE id = 'night-2'`)
    await expect(remarks.first()).toContainText('It flickers on purpose.')
    await expect(remarks.last()).toContainText('Reading 2 was a mistake.')
    await expect(remarks).toHaveCount(65)
    const bodies = await remarks.allTextContents()
    expect(new Set(bodies).size, 'no row is there twice').toBe(bodies.length)

    await right.pane.getByRole('button', { name: 'Talk' }).click()
    for (const { pane } of [left, right]) {
      await expect(pane.getByRole('list', { name: 'Comments by person' }).getByRole('listitem').filter({ hasText: 'Jonas' })).toContainText('2')
    }
  })
})
