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

  test('shows in its control from the click on', async ({ tandem: { page, left, right } }) => {
    await left.openTask(TITLE)
    await expect(left.sheet.getByRole('radio', { name: 'To do' })).toBeChecked()
    const shown = await watchControls(page)
    await left.sheet.getByRole('radio', { name: 'Doing' }).click({ force: true })
    await nextFrame(page)
    await left.sheet.getByRole('switch').click()
    await nextFrame(page)
    await left.sheet.getByRole('combobox', { name: 'Assignee' }).selectOption('Wen Zhao')
    await expect(right.card(TITLE)).toHaveCount(0)
    await expect(left.cards.and(page.locator('[data-pending=true]'))).toHaveCount(0)
    const states = ['To do, off, Jonas Okafor', 'Doing, off, Jonas Okafor', 'Doing, on, Jonas Okafor', 'Doing, on, Wen Zhao']
    const isInput = (text: string): boolean => text.startsWith('changed to')
    expect((await shown()).filter(isInput)).toEqual(states.slice(1).map((state) => `changed to ${state}`))
    expect([...new Set((await shown()).filter((text) => !isInput(text)))]).toEqual(states)
  })
})

/** What the controls of the open task say in each frame from now on. */
function watchControls(page: Page): Promise<() => Promise<string[]>> {
  return watchFrames(page, () => {
    const sheet = document.querySelector('.sheet')
    const status = sheet?.querySelector('label:has([type=radio]:checked)')?.textContent
    const isPrivate = sheet?.querySelector<HTMLInputElement>('[role=switch]')?.checked === true
    const assignee = sheet?.querySelector('select')?.selectedOptions[0]?.textContent
    return [status, isPrivate ? 'on' : 'off', assignee].join(', ')
  })
}

/** The columns in which each frame showed the card from now on; equal neighbours are told once. */
function watchColumn(page: Page, desk: 'left' | 'right', id: string): Promise<() => Promise<string[]>> {
  const look = ([name, row]: readonly string[]): string => {
    const cards = document.querySelectorAll(`.pane[data-desk=${name}] .card[data-row=${row}]`)
    return [...cards].map((card) => card.closest<HTMLElement>('.column')?.dataset['status']).join('+') || 'nowhere'
  }
  return watchFrames(page, look, [desk, id])
}

/** What `look` saw in each frame; equal neighbours are told once. */
async function watchFrames(page: Page, look: (about: readonly string[]) => string, about: readonly string[] = []): Promise<() => Promise<string[]>> {
  const seen = await page.evaluateHandle(`{
    const look = ${look.toString()}
    const seen = []
    const frame = () => {
      const now = look(${JSON.stringify(about)})
      if (seen.at(-1) !== now) seen.push(now)
      requestAnimationFrame(frame)
    }
    // As early after an input as a frame may come, and then also when it says what was there before.
    addEventListener('change', () => setTimeout(() => seen.push('changed to ' + look(${JSON.stringify(about)}))), { capture: true })
    frame()
    seen
  }`)
  return async () => {
    await nextFrame(page)
    return seen.evaluate((frames: string[]) => [...frames])
  }
}

/** Resolves when a frame has shown what the page holds by now, and those who watch frames have seen it. */
async function nextFrame(page: Page): Promise<void> {
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))
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
