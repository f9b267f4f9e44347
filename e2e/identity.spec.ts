import { expect, test } from './support/test.ts'
import type { Demo } from './support/demo.ts'
import { Tandem } from './support/tandem.ts'

test.describe('one signs out and another signs in', () => {
  test('in one tab: the second never sees a row, key or position of the first', async ({ tandem: { left }, demo }) => {
    await expect(left.card('Plan a surprise toast for Jonas')).toBeVisible()
    await expect(left.inspector, 'it shows rows').toContainText('surprise')
    await left.signOut()
    await expect(left.cards).toHaveCount(0)
    const rendered = await watchTitles(left.pane)
    await left.signIn('Wen Zhao')
    await expect(left.card('Proofread the wall labels')).toBeVisible()
    await expect(left.pane).not.toContainText('€')
    expect(await rendered()).not.toContain('Plan a surprise toast for Jonas')
    await expect(left.inspector).not.toContainText('surprise')
    expectNothingOf(demo, 'mara', 'wen')

    await demo.sql(
      `UPDATE task SET title = 'Plan a bigger surprise' WHERE id = 'surprise'; UPDATE task SET title = 'Proofread again' WHERE id = 'labels'`,
    )
    await expect(left.card('Proofread again')).toBeVisible()
    expectNothingOf(demo, 'mara', 'wen')
  })

  test('in two tabs: both change, and neither shows what the first had', async ({ tandem, demo, context }) => {
    const other = new Tandem(await context.newPage())
    await other.open(demo.url)
    await expect(other.left.card('Plan a surprise toast for Jonas')).toBeVisible()
    const rendered = await watchTitles(other.left.pane)

    await tandem.left.signOut()
    await expect(other.left.pane.getByRole('heading', { name: 'Who sits here?' })).toBeVisible()
    const afterSignOut = (await rendered()).length
    await tandem.left.signIn('Wen Zhao')
    await other.left.isLive()
    await expect(other.left.pane.getByRole('heading', { name: 'Wen Zhao' })).toBeVisible()
    await expect(other.left.card('Proofread the wall labels')).toBeVisible()
    await expect(other.left.card('Plan a surprise toast for Jonas')).toHaveCount(0)
    expect((await rendered()).slice(afterSignOut)).not.toContain('Plan a surprise toast for Jonas')
    expectNothingOf(demo, 'mara', 'wen')

    await demo.sql(`UPDATE task SET title = 'Proofread again' WHERE id = 'labels'`)
    await expect(other.left.card('Proofread again')).toBeVisible()
    await expect(tandem.left.card('Proofread again')).toBeVisible()
  })

  test('the same person on both sides sees the same', async ({ tandem: { left, right } }) => {
    await right.signOut()
    await right.signIn('Mara Lindqvist')
    await expect(right.card('Plan a surprise toast for Jonas')).toBeVisible()
    expect((await right.titles()).sort()).toEqual((await left.titles()).sort())
  })
})

/** Every title that was rendered from now on, frame by frame. */
async function watchTitles(pane: Tandem['left']['pane']): Promise<() => Promise<string[]>> {
  await pane.evaluate((element) => {
    const seen: string[] = []
    Object.assign(element, { seen })
    const look = (): void => {
      for (const title of element.querySelectorAll('.title')) seen.push(title.textContent ?? '')
      requestAnimationFrame(look)
    }
    look()
  })
  return () => pane.evaluate((element) => (element as unknown as { seen: string[] }).seen)
}

/** Neither what was sent to `second` nor what their page sent holds anything that only `first` could know. */
function expectNothingOf(demo: Demo, first: string, second: string): void {
  const { recorder } = demo
  const idsOf = (person: string): string[] =>
    recorder.streamsOf(person).flatMap(({ body }) => [...body.matchAll(/^id: ?(.+)$/gm)].map(([, id]) => id ?? ''))
  const ticketsOf = (person: string): string[] =>
    recorder.streamsOf(person).flatMap(({ body }) => [...body.matchAll(/"ticket":"([^"]+)"/g)].map(([, ticket]) => ticket ?? ''))
  const known = [...idsOf(first), ...ticketsOf(first)]
  expect(known.length).toBeGreaterThan(0)
  const requests = recorder.exchanges.filter((exchange) => exchange.person === second)
  expect(requests.length).toBeGreaterThan(0)
  for (const { requestBody, lastEventId, url } of requests) {
    const sent = [requestBody, lastEventId ?? '', url].join('\n')
    expect(known.filter((secret) => sent.includes(secret))).toEqual([])
  }
  expect(recorder.bytesTo(second)).not.toMatch(/surprise|Back office|\b(?:1800|4200|2600)\b/)
}
