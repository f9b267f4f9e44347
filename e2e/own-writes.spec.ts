import type { Page, Route } from '@playwright/test'
import { expect, test } from './support/test.ts'
import type { Demo } from './support/demo.ts'

const TITLE = 'Print the posters on recycled stock'

test.describe('an optimistic edit', () => {
  test('is confirmed, in either order of stream and answer, by one request', async ({ tandem: { page, left, right }, demo }) => {
    const shown = await watchColumn(page, 'left', 'poster')
    const requests = requestsOf(demo, 'mara')
    await left.card(TITLE).getByRole('button').press('Shift+ArrowRight')
    await expect(right.column('Doing').locator('.card', { hasText: TITLE })).toBeVisible()
    await expect(left.cards.and(page.locator('[data-pending=true]'))).toHaveCount(0)
    expect(await shown()).toEqual(['TODO', 'DOING'])

    // Everybody sees it, and the one who wrote it still waits for the answer.
    const answer = await holdAnswers(page)
    await left.card(TITLE).getByRole('button').press('Shift+ArrowRight')
    await expect(right.column('Done').locator('.card', { hasText: TITLE })).toBeVisible()
    answer.release()
    await expect(left.cards.and(page.locator('[data-pending=true]'))).toHaveCount(0)
    expect(await shown()).toEqual(['TODO', 'DOING', 'DONE'])
    expect(requests(), 'two edits, two requests, nothing asked again').toEqual(['PUT /api/model/task/update', 'PUT /api/model/task/update'])
  })

  test('that is rejected goes back once, and asks for nothing', async ({ tandem: { page, left, right }, demo }) => {
    const shown = await watchColumn(page, 'right', 'poster')
    const request = await holdRequests(page)
    const requests = requestsOf(demo, 'jonas')
    await right.card(TITLE).getByRole('button').press('Shift+ArrowRight')
    await expect(right.column('Doing').locator('.card', { hasText: TITLE })).toBeVisible()
    // A guest may not write; the request is on its way when that becomes true.
    await demo.sql(`UPDATE person SET role = 'GUEST' WHERE id = 'jonas'`)
    await expect(right.pane.locator('.pane-header .role')).toHaveText('Guest')
    expect(await shown(), 'what others write does not take it away').toEqual(['TODO', 'DOING'])
    request.release()
    await expect(right.column('To do').locator('.card', { hasText: TITLE })).toBeVisible()
    await expect(right.pane.locator('.notices')).not.toBeEmpty()
    expect(await shown()).toEqual(['TODO', 'DOING', 'TODO'])
    expect(requests()).toEqual(['PUT /api/model/task/update'])
    await expect(left.column('To do').locator('.card', { hasText: TITLE })).toBeVisible()
  })

  test('overtaken by another’s gives way to it, and shows nothing older on the way', async ({ tandem: { page, left, right }, demo }) => {
    const shown = await watchColumn(page, 'left', 'poster')
    const answer = await holdAnswers(page, 'mara')
    const requests = requestsOf(demo, 'mara')
    await left.card(TITLE).getByRole('button').press('Shift+ArrowRight')
    await expect(right.column('Doing').locator('.card', { hasText: TITLE })).toBeVisible()
    await right.card(TITLE).getByRole('button').press('Shift+ArrowRight')
    await expect(right.cards.and(page.locator('[data-pending=true]'))).toHaveCount(0)
    answer.release()
    await expect(left.column('Done').locator('.card', { hasText: TITLE })).toBeVisible()
    await expect(left.cards.and(page.locator('[data-pending=true]'))).toHaveCount(0)
    expect(await shown()).toEqual(['TODO', 'DOING', 'DONE'])
    expect(requests()).toEqual(['PUT /api/model/task/update'])
  })

  test('on top of what another wrote meanwhile is what stays', async ({ tandem: { page, left, right }, demo }) => {
    const shown = await watchColumn(page, 'left', 'poster')
    const request = await holdRequests(page)
    await left.card(TITLE).getByRole('button').press('Shift+ArrowRight')
    await expect(left.column('Doing').locator('.card', { hasText: TITLE })).toBeVisible()
    await demo.sql(`UPDATE task SET status = 'DONE', title = 'Print the posters after all' WHERE id = 'poster'`)
    await expect(left.card('Print the posters after all'), 'fields that were not written here follow at once').toBeVisible()
    request.release()
    await expect(right.column('Doing').locator('.card', { hasText: 'Print the posters after all' })).toBeVisible()
    await expect(left.cards.and(page.locator('[data-pending=true]'))).toHaveCount(0)
    expect(await shown()).toEqual(['TODO', 'DOING'])
  })
})

/** The columns in which each frame showed the card from now on; equal neighbours are told once. */
async function watchColumn(page: Page, desk: 'left' | 'right', id: string): Promise<() => Promise<string[]>> {
  const shown = await page.evaluateHandle(
    ([name, row]) => {
      const seen: string[] = []
      const look = (): void => {
        const cards = document.querySelectorAll(`.pane[data-desk=${name}] .card[data-row=${row}]`)
        const place = [...cards].map((card) => card.closest<HTMLElement>('.column')?.dataset['status']).join('+') || 'nowhere'
        if (seen.at(-1) !== place) seen.push(place)
        requestAnimationFrame(look)
      }
      look()
      return seen
    },
    [desk, id] as const,
  )
  return () => shown.evaluate((seen) => [...seen])
}

/** Keeps edits of tasks from the server until released. */
function holdRequests(page: Page): Promise<{ release(): void }> {
  return hold(page, async (route, released) => {
    await released
    await route.continue()
  })
}

/** Lets edits of tasks through, but keeps their answers from the page until released. */
function holdAnswers(page: Page, person?: string): Promise<{ release(): void }> {
  return hold(page, async (route, released) => {
    const token = route.request().headers()['authorization'] ?? ''
    if (person !== undefined && !token.startsWith(`Bearer ${person}.`)) return route.continue()
    const response = await route.fetch()
    await released
    await route.fulfill({ response })
  })
}

async function hold(page: Page, answer: (route: Route, released: Promise<void>) => Promise<void>): Promise<{ release(): void }> {
  const gate = Promise.withResolvers<void>()
  await page.route('**/api/model/task/update', (route) => answer(route, gate.promise))
  return { release: () => gate.resolve() }
}

/** What this person's page asked for since, streams included. */
function requestsOf({ recorder }: Demo, person: string): () => string[] {
  const before = recorder.exchanges.length
  return () =>
    recorder.exchanges
      .slice(before)
      .filter((exchange) => exchange.person === person)
      .map(({ method, url }) => `${method} ${url}`)
}
