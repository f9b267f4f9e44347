import { faults } from './support/faults.ts'
import { Tandem, type Side } from './support/tandem.ts'
import { expect, test } from './support/test.ts'

/** What a person does in the shop of one side. */
function shopOf({ pane }: Side) {
  const cart = pane.getByRole('group', { name: 'Cart' })
  return {
    pane,
    cart,
    open: () => pane.getByRole('button', { name: 'Shop' }).click(),
    add: (product: string) => pane.getByRole('button', { name: `Add ${product}` }).click(),
    checkOut: cart.getByRole('button', { name: 'Check out' }),
    receipt: cart.getByRole('status'),
    steps: pane.getByRole('group', { name: 'History' }).getByRole('listitem'),
    moment: pane.getByRole('slider', { name: 'Moment' }),
  }
}

test.describe('a cart that two people share', () => {
  test('is checked out by exactly one of two who do so at once in two browsers, and both see who', async ({ browser, demo, tandem }) => {
    const context = await browser.newContext()
    const other = new Tandem(await context.newPage())
    await other.open(demo.url)
    const [mara, jonas] = [shopOf(tandem.left), shopOf(other.right)]
    await Promise.all([mara.open(), jonas.open()])
    await expect(jonas.checkOut).toBeEnabled()

    // Both requests wait at the door until both are there.
    const arrived: (() => void)[] = []
    for (const page of [tandem.page, other.page]) {
      await page.route('**/api/shop/*/check-out', async (route) => {
        await new Promise<void>((open) => {
          arrived.push(open)
          if (arrived.length === 2) for (const one of arrived) one()
        })
        await route.continue()
      })
    }
    const answers = [tandem.page, other.page].map((page) => page.waitForResponse(/check-out/))
    await Promise.all([mara.checkOut.click(), jonas.checkOut.click()])
    const statuses = (await Promise.all(answers)).map((answer) => answer.status())
    expect(new Set(statuses)).toEqual(new Set([200, 409]))

    const winner = statuses[0] === 200 ? 'Mara Lindqvist' : 'Jonas Okafor'
    for (const { receipt, steps } of [mara, jonas]) {
      await expect(receipt).toContainText(`by ${winner}`)
      await expect(steps.filter({ hasText: 'checked out' })).toHaveCount(1)
    }
    const late = statuses[0] === 200 ? jonas : mara
    await expect(late.pane.getByText(/was faster/)).toBeVisible()
    await context.close()
  })

  test('shows each what the other does, and how it was at any step, by keyboard too', async ({ tandem: { page, left, right } }) => {
    const [mara, jonas] = [shopOf(left), shopOf(right)]
    // One page has one mouse.
    await mara.open()
    await jonas.open()
    await mara.add('Espresso beans')
    await jonas.cart.getByRole('button', { name: 'One Espresso beans more' }).click()
    await expect(mara.cart.getByRole('listitem').filter({ hasText: 'Espresso beans' })).toContainText('€54')

    await jonas.moment.focus()
    await page.keyboard.press('Home')
    await expect(jonas.cart).toContainText('Nothing in it yet.')
    await page.keyboard.press('ArrowRight')
    await expect(jonas.cart.getByRole('listitem')).toHaveText([/Gaffer tape/])
    await expect(jonas.checkOut).toBeDisabled()
    // The past stays while the present goes on.
    await mara.add('Picture wire')
    await expect(jonas.steps.filter({ hasText: 'Picture wire' })).toBeVisible()
    await expect(jonas.cart.getByRole('listitem')).toHaveText([/Gaffer tape/])
    await expect(mara.cart).toContainText('Picture wire')
    expect(await faults(page)).toEqual([])
    await jonas.moment.focus()
    await page.keyboard.press('End')
    await expect(jonas.cart).toContainText('Picture wire')
  })

  test('is not shown to who was taken out of its space', async ({ tandem: { left, right }, demo }) => {
    const [mara, jonas] = [shopOf(left), shopOf(right)]
    await mara.open()
    await jonas.open()
    await expect(jonas.checkOut).toBeEnabled()
    await demo.sql(`DELETE FROM membership WHERE user_id = 'jonas' AND space_id = 'opening'`)
    await expect(jonas.pane.getByRole('alert')).toContainText('no longer yours to see')
    await expect(jonas.cart).toHaveCount(0)
    const token = await jonas.pane.page().evaluate(() => (JSON.parse(localStorage.getItem('tandem.right') ?? '{}') as { token: string }).token)
    const answers = await Promise.all(
      ['opening', 'never-was'].map(async (id) => {
        const answer = await fetch(`${demo.url}/api/live/$projections/cart/${id}`, { headers: { authorization: `Bearer ${token}` } })
        return [answer.status, await answer.text()]
      }),
    )
    expect(answers[0]?.[0]).toBe(403)
    expect(answers[0]).toEqual(answers[1])
  })
})
