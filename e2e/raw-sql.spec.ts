import { expect, test } from './support/test.ts'

test.describe('changes made outside ZenStack', () => {
  test('an insert, an update and a delete appear', async ({ tandem }) => {
    const { left, right } = tandem
    await tandem.runSql(`INSERT INTO task (id, space_id, title, author_id) VALUES ('olive', 'opening', 'Water the olive tree', 'tomas')`)
    await expect(left.card('Water the olive tree')).toBeVisible()
    await expect(right.card('Water the olive tree')).toBeVisible()
    await tandem.runSql(`UPDATE task SET title = 'Water the fig tree', status = 'DONE' WHERE id = 'olive'`)
    await expect(right.column('Done').locator('.card', { hasText: 'Water the fig tree' })).toBeVisible()
    await tandem.runSql(`DELETE FROM task WHERE id = 'olive'`)
    await expect(left.card('Water the fig tree')).toHaveCount(0)
    await expect(right.card('Water the fig tree')).toHaveCount(0)
  })

  test('a transaction is seen whole, and one that is rolled back is not seen', async ({ tandem: { left, right }, demo }) => {
    await demo.sql(`BEGIN; UPDATE task SET title = 'Never happened' WHERE id = 'poster'; ROLLBACK`)
    await demo.sql(
      `BEGIN; UPDATE task SET status = 'DONE' WHERE space_id = 'opening'; INSERT INTO task (space_id, title, author_id, status) VALUES ('opening', 'And one more', 'mara', 'DONE'); COMMIT`,
    )
    await expect(left.column('Done').locator('.card')).toHaveCount(10)
    await expect(right.column('Done').locator('.card')).toHaveCount(10)
    await expect(left.column('To do').locator('.card[data-leaving=false]')).toHaveCount(0)
    await expect(right.card('Never happened')).toHaveCount(0)
  })

  test('deleting a space takes everything in it, and TRUNCATE too', async ({ tandem: { left, right }, demo }) => {
    await demo.sql(`TRUNCATE comment`)
    await expect(left.pane.locator('.comments')).toHaveCount(0)
    await demo.sql(`DELETE FROM space WHERE id = 'opening'`)
    await expect(left.cards).toHaveCount(0)
    await expect(right.cards).toHaveCount(0)
    await expect(right.pane.getByRole('navigation', { name: /^Spaces of/ })).toHaveText('Website')
  })

  test('putting the sample data back is one transaction', async ({ tandem: { page, left, right }, demo }) => {
    await demo.sql(`DELETE FROM task; UPDATE person SET role = 'MANAGER'`)
    await expect(left.cards).toHaveCount(0)
    await page.getByRole('button', { name: 'Reset data' }).click()
    await expect(left.cards).toHaveCount(9)
    await expect(right.cards).toHaveCount(9)
    await expect(right.pane).not.toContainText('€')
  })
})
