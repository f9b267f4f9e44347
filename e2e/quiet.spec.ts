import { expect, test } from './support/test.ts'

test('a live page asks for nothing when it is looked at again, or its network is back: its streams go on, and that is all', async ({
  tandem: { page, left, right },
  demo,
  context,
}) => {
  const before = demo.recorder.exchanges.length
  const asked = (): string[] => demo.recorder.exchanges.slice(before).map(({ method, url }) => `${method} ${url}`)
  await page.evaluate(() => {
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))
    window.dispatchEvent(new Event('focus'))
  })
  await demo.sql(`UPDATE task SET title = 'Proofread again' WHERE id = 'labels'`)
  await expect(left.card('Proofread again')).toBeVisible()
  await expect(right.card('Proofread again')).toBeVisible()
  expect(asked()).toEqual([])

  await context.setOffline(true)
  await context.setOffline(false)
  await expect.poll(asked).not.toEqual([])
  await left.isLive()
  await right.isLive()
  await demo.sql(`UPDATE task SET title = 'Proofread once more' WHERE id = 'labels'`)
  await expect(left.card('Proofread once more')).toBeVisible()
  await expect(right.card('Proofread once more')).toBeVisible()
  expect([...new Set(asked())]).toEqual(['POST /api/live'])
})
