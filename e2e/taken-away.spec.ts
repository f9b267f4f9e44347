import { expect, test } from './support/test.ts'

test.describe('what is taken away leaves the open page', () => {
  test('a removed member loses the rows, and gets them back when added again', async ({ tandem: { left, right } }) => {
    await expect(right.card('Proofread the wall labels')).toBeVisible()
    await left.openMembers()
    await left.sheet.getByRole('button', { name: 'Remove Jonas Okafor' }).click()
    await expect(right.cards).toHaveCount(0)
    await expect(right.pane.getByRole('alert')).toContainText('no longer yours to see')
    await expect(right.pane.getByRole('navigation', { name: /^Spaces of/ })).toHaveText('Website')

    await left.sheet.getByRole('button', { name: 'Add Jonas Okafor' }).click()
    await expect(right.card('Proofread the wall labels')).toBeVisible()
    await expect(right.pane.getByRole('navigation', { name: /^Spaces of/ })).toContainText('Opening night')
  })

  test('a removed member is sent nothing more of that space', async ({ tandem: { left, right }, demo }) => {
    await left.openMembers()
    await left.sheet.getByRole('button', { name: 'Remove Jonas Okafor' }).click()
    await expect(right.cards).toHaveCount(0)
    await demo.sql(
      `INSERT INTO task (space_id, title, author_id) VALUES ('opening', 'Never for Jonas', 'mara'), ('website', 'For Jonas too', 'mara')`,
    )
    await right.pane.getByRole('button', { name: 'Website' }).click()
    await expect(right.card('For Jonas too')).toBeVisible()
    expect(demo.recorder.bytesTo('jonas')).not.toContain('Never for Jonas')
  })

  test('a role held in auth() gives the managers’ field and takes it away', async ({ tandem: { left, right }, demo }) => {
    const posters = right.card('Print the posters on recycled stock')
    await expect(posters).not.toContainText('€')
    await left.openMembers()
    await left.sheet.getByRole('combobox', { name: 'Role of Jonas Okafor' }).selectOption('MANAGER')
    await expect(posters).toContainText('€1,800')
    await expect(right.pane.locator('.pane-header')).toContainText('Manager')

    await left.sheet.getByRole('combobox', { name: 'Role of Jonas Okafor' }).selectOption('MEMBER')
    await expect(posters).not.toContainText('€')
    const length = demo.recorder.bytesTo('jonas').length
    await demo.sql(`UPDATE task SET budget = 555666777, title = 'Print fewer posters' WHERE id = 'poster'`)
    await expect(right.card('Print fewer posters')).toBeVisible()
    expect(demo.recorder.bytesTo('jonas').slice(length)).not.toContain('555666777')
  })

  test('a guest keeps reading but not writing', async ({ tandem: { right }, demo }) => {
    await demo.sql(`UPDATE person SET role = 'GUEST' WHERE id = 'jonas'`)
    await expect(right.pane.getByRole('textbox', { name: 'Title of a new task' })).toHaveCount(0)
    await expect(right.card('Proofread the wall labels')).toBeVisible()
  })

  test('a task made private leaves everyone else', async ({ tandem: { left, right } }) => {
    await right.openTask('Proofread the wall labels')
    await expect(left.card('Proofread the wall labels')).toBeVisible()
    const isPrivate = right.sheet.getByRole('switch', { name: 'Only I can see it' })
    await isPrivate.click()
    await expect(isPrivate).toBeChecked()
    await expect(left.card('Proofread the wall labels')).toHaveCount(0)
    await isPrivate.click()
    await expect(isPrivate).not.toBeChecked()
    await expect(left.card('Proofread the wall labels')).toBeVisible()
  })
})
