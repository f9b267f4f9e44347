import { expect } from '@playwright/test'
import type { Demo } from './demo.ts'
import type { Tandem } from './tandem.ts'

/** An insert, an update, a delete and a move, made where the cut-off reader cannot see them. */
export async function editWhileAway(demo: Demo): Promise<void> {
  await demo.sql(`INSERT INTO task (space_id, title, author_id) VALUES ('opening', 'Made while away', 'priya')`)
  await demo.sql(`UPDATE task SET title = 'Print the posters, all of them' WHERE id = 'poster'`)
  await demo.sql(`UPDATE task SET status = 'DONE' WHERE id = 'labels'`)
  await demo.sql(`DELETE FROM task WHERE id = 'crate'`)
}

export async function expectEdits({ left, right }: Tandem): Promise<void> {
  for (const side of [left, right]) {
    await expect(side.card('Made while away')).toBeVisible({ timeout: 30_000 })
    await expect(side.card('Print the posters, all of them')).toBeVisible()
    await expect(side.column('Done').locator('.card', { hasText: 'Proofread the wall labels' })).toBeVisible()
    await expect(side.card('Unpack the crates from Lisbon')).toHaveCount(0)
    await expect(side.pane.locator('.live-pill')).toHaveText('Live')
    expect(new Set(await side.titles()).size, 'no row is there twice').toBe((await side.titles()).length)
  }
}

/** How often the list of tasks was sent whole. */
export function tasksSnapshots(demo: Demo, person: string): number {
  const blocks = demo.recorder.bytesTo(person).split('\n\n')
  return blocks.filter((block) => /^event: ?snapshot$/m.test(block) && block.includes('"Proofread the wall labels"') && block.includes('"position"'))
    .length
}
