import { editWhileAway, expectEdits, tasksSnapshots } from './support/away.ts'
import { expect, test } from './support/test.ts'

// They kill what others would share.
test.use({ isDemoShared: false })

test.describe('a reader that was cut off goes on where it stopped', () => {
  test('after the server is killed and started again', async ({ tandem, demo }) => {
    await demo.kill()
    await expect(tandem.right.pane.locator('.live-pill')).not.toHaveText('Live')
    await expect(tandem.right.card('Proofread the wall labels'), 'what was there stays').toBeVisible()
    await editWhileAway(demo)
    await demo.start()
    await expectEdits(tandem)
    expect(tasksSnapshots(demo, 'jonas'), 'the open list went on, it was not sent again').toBe(1)
  })

  test('after Redis restarts, with what it had', async ({ tandem, demo, redis }) => {
    await redis.kill()
    await editWhileAway(demo)
    await redis.start()
    await expectEdits(tandem)
  })

  test('after Redis restarts with nothing', async ({ tandem, demo, redis }) => {
    await redis.kill()
    await editWhileAway(demo)
    await redis.start(['--appendonly', 'no'])
    await expectEdits(tandem)
    await demo.sql(`UPDATE task SET title = 'And it goes on' WHERE id = 'catering'`)
    await expect(tandem.right.card('And it goes on')).toBeVisible()
  })

  test('after Postgres was away, and streams were cut meanwhile', async ({ tandem, demo, postgres }) => {
    await postgres.kill()
    demo.recorder.cutStreams()
    await expect(tandem.right.pane.locator('.live-pill')).not.toHaveText('Live')
    await postgres.start()
    await editWhileAway(demo)
    await expectEdits(tandem)
    await expect(tandem.right.pane.locator('.live-pill')).toHaveText('Live')
  })

  test('after edits made while the browser was offline', async ({ tandem, demo, context }) => {
    await context.setOffline(true)
    demo.recorder.cutStreams()
    await editWhileAway(demo)
    await expect(tandem.right.pane.locator('.live-pill')).not.toHaveText('Live')
    await context.setOffline(false)
    await expectEdits(tandem)
    expect(tasksSnapshots(demo, 'jonas')).toBe(1)
  })

  test('after one side’s connection was cut by its switch', async ({ tandem, demo }) => {
    await tandem.right.setCut(true)
    await expect(tandem.right.pane.locator('.live-pill')).toHaveText('Cut off')
    await editWhileAway(demo)
    await expect(tandem.left.card('Print the posters, all of them')).toBeVisible()
    await expect(tandem.right.card('Print the posters, all of them')).toHaveCount(0)
    await tandem.right.setCut(false)
    await expectEdits(tandem)
  })

  test('when a role was lost meanwhile, without a byte of what it gave', async ({ tandem, demo }) => {
    await demo.sql(`UPDATE person SET role = 'MANAGER' WHERE id = 'jonas'`)
    await expect(tandem.right.card('Print the posters on recycled stock')).toContainText('€1,800')
    await tandem.right.setCut(true)
    await demo.sql(`UPDATE person SET role = 'MEMBER' WHERE id = 'jonas'`)
    await demo.sql(`UPDATE task SET budget = 424242424, title = 'Print the posters quietly' WHERE id = 'poster'`)
    await expect(tandem.left.card('Print the posters quietly')).toContainText('€424,242,424')
    await tandem.right.setCut(false)
    await expect(tandem.right.card('Print the posters quietly')).toBeVisible()
    await expect(tandem.right.card('Print the posters quietly')).not.toContainText('€')
    expect(demo.recorder.bytesTo('jonas')).not.toContain('424242424')
  })

  test('also with the browser’s own EventSource, a ticket in its URL and its Last-Event-ID', async ({ page, demo }) => {
    await page.goto(demo.url)
    await page.evaluate(async () => {
      const answer = await fetch('/api/sign-in', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ personId: 'priya' }),
      })
      const { token } = (await answer.json()) as { token: string }
      const query = `/api/live/task/findMany?q=${encodeURIComponent(JSON.stringify({ where: { spaceId: 'opening' } }))}`
      // #region event-source
      const given = await fetch(query, { method: 'POST', headers: { authorization: `Bearer ${token}` } })
      const { access } = (await given.json()) as { access: string }
      const source = new EventSource(`${query}&access=${access}`)
      // #endregion
      const seen: { event: string; data: string; id: string }[] = []
      Object.assign(window, { seen })
      for (const event of ['snapshot', 'ready', 'change', 'reset', 'error', 'bye']) {
        source.addEventListener(event, (message) => {
          if (message instanceof MessageEvent) seen.push({ event, data: String(message.data), id: message.lastEventId })
        })
      }
    })
    const seen = (): Promise<{ event: string; data: string; id: string }[]> =>
      page.evaluate(() => (window as unknown as { seen: { event: string; data: string; id: string }[] }).seen)
    const has = async (text: string): Promise<boolean> => (await seen()).some((message) => message.data.includes(text))
    await expect.poll(async () => (await seen()).map(({ event }) => event)).toContain('ready')
    await demo.sql(`UPDATE task SET title = 'Before the cut' WHERE id = 'poster'`)
    await expect.poll(() => has('Before the cut')).toBe(true)

    // The id of the last block that ended a batch is what the browser will send.
    await expect.poll(() => /^id: ?(.+)$/m.test(demo.recorder.streamsOf('priya')[0]?.body ?? '')).toBe(true)
    demo.recorder.cutStreams()
    await demo.sql(`UPDATE task SET title = 'During the cut' WHERE id = 'neon'`)
    await expect.poll(() => has('During the cut'), { timeout: 20_000 }).toBe(true)

    const [first, second] = demo.recorder.streamsOf('priya')
    const ids = [...(first?.body ?? '').matchAll(/^id: ?(.+)$/gm)].map(([, id]) => id)
    expect(second?.lastEventId).toBe(ids.at(-1))
    expect(second?.body).not.toMatch(/^event: ?snapshot$/m)
    expect((await seen()).filter(({ event }) => event === 'snapshot')).toHaveLength(1)

    // What the URL says of the browser opens no other query.
    const states = await page.evaluate(
      async (url) => {
        const other = new EventSource(url)
        await new Promise((resolve) => other.addEventListener('error', resolve))
        return other.readyState === EventSource.CLOSED
      },
      (second?.url ?? '').replace('opening', 'another'),
    )
    expect(states, 'it does not come back from a refusal').toBe(true)
    expect(demo.recorder.exchanges.at(-1)).toMatchObject({ status: 401, isStream: false })
  })

  test('at every boundary of a frame, by the browser’s own EventSource', async ({ page, demo }) => {
    test.setTimeout(300_000)
    await page.goto(demo.url)
    const url = await page.evaluate(async () => {
      const body = JSON.stringify({ personId: 'priya' })
      const answer = await fetch('/api/sign-in', { method: 'POST', headers: { 'content-type': 'application/json' }, body })
      const { token } = (await answer.json()) as { token: string }
      const query = `/api/live/task/findMany?q=${encodeURIComponent(JSON.stringify({ where: { spaceId: 'opening' } }))}`
      const given = await fetch(query, { method: 'POST', headers: { authorization: `Bearer ${token}` } })
      return `${query}&access=${((await given.json()) as { access: string }).access}`
    })
    /** Follows the query from now on. What it shows is what a page makes of the frames as they come, without waiting for ids. */
    const follow = (): Promise<void> =>
      page.evaluate((from) => {
        interface Told {
          part?: number
          rows?: { key: string; row: object }[]
          ops?: { op: string; key: string; row: object; set: object }[]
        }
        const rows = new Map<string, object>()
        const source = new EventSource(from)
        const told = (message: Event): Told => JSON.parse(String((message as MessageEvent).data)) as Told
        source.addEventListener('snapshot', (message) => {
          const { part, rows: shown = [] } = told(message)
          if (part === 0) rows.clear()
          for (const { key, row } of shown) rows.set(key, row)
        })
        source.addEventListener('change', (message) => {
          for (const { op, key, row, set } of told(message).ops ?? []) {
            if (op === 'enter') rows.set(key, row)
            else if (op === 'update') rows.set(key, { ...rows.get(key), ...set })
            else if (op === 'leave') rows.delete(key)
          }
        })
        Object.assign(window, { followed: { rows, close: () => source.close() } })
      }, url)
    const shown = (): Promise<string> =>
      page.evaluate(() => {
        const { rows } = (window as unknown as { followed: { rows: Map<string, object> } }).followed
        return JSON.stringify([...rows].toSorted(([a], [b]) => (a < b ? -1 : 1)))
      })
    const close = (): Promise<void> => page.evaluate(() => (window as unknown as { followed: { close(): void } }).followed.close())

    await follow()
    await expect.poll(shown).toContain('poster')
    const edits = [
      `UPDATE task SET title = 'Hang the posters' WHERE id = 'poster'`,
      `UPDATE task SET space_id = 'office' WHERE id = 'neon'`,
      `UPDATE task SET title = 'Hang the posters again' WHERE id = 'poster'`,
      `UPDATE task SET space_id = 'opening', title = 'Neon is back' WHERE id = 'neon'`,
      `DELETE FROM task WHERE id = 'poster'`,
      `UPDATE task SET title = 'The last word' WHERE id = 'neon'`,
    ]
    for (const edit of edits) {
      const before = await shown()
      await demo.sql(edit)
      await expect.poll(shown).not.toBe(before)
    }
    const expected = await shown()
    const recorded = demo.recorder.streamsOf('priya')[0]?.body ?? ''
    await close()
    const cuts = [...recorded.matchAll(/\n\n/g)].map((match) => match.index + 2)
    expect(cuts.length).toBeGreaterThan(12)
    for (const cut of cuts) {
      const resumes = demo.recorder.streamsOf('priya').length
      const body = `retry: 1\n\n${recorded.slice(0, cut)}`
      await page.route(`**${url}`, (route) => route.fulfill({ contentType: 'text/event-stream', body }), { times: 1 })
      await follow()
      await expect.poll(() => demo.recorder.streamsOf('priya').length, `a resume after ${cut} characters`).toBeGreaterThan(resumes)
      await expect.poll(shown, `the same after ${cut} characters`).toBe(expected)
      await close()
    }
  })
})
