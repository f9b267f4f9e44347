import { fireEvent, render, screen } from '@testing-library/react'
import { createFakeEdge, type FakeConnection, type FakeEdge } from '@zenstack-live/testing/fake-edge'
import { renderToString } from 'react-dom/server'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { AllTasks, App, Connection, Finished, OpenTasks, Rename, Tasks } from './guide/app.tsx'
import { live } from './guide/live.ts'
import { Page, readPage } from './guide/server-rendering.tsx'
import { session } from './guide/session.ts'
import { liveStore, useLive } from './guide/stores.ts'
import { at, pass, snapshot, value } from './support/harness.tsx'

/* The code of docs/guide, run. */

let edge: FakeEdge
beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true })
  edge = createFakeEdge()
  session.fetch = edge.fetch
  session.userId = `person ${Math.random()}`
})
afterEach(() => {
  vi.useRealTimers()
})
const newest = (): FakeConnection => {
  const connection = edge.connections.at(-1)
  if (connection === undefined) throw new Error('Nothing was opened.')
  return connection
}
const task = (id: string, title: string): { id: string; title: string } => ({ id, title })

describe('the guide', () => {
  it('shows a live list, a count, a write, pages, events and the connection', async () => {
    const finished: string[] = []
    const view = render(
      <App>
        <Tasks spaceId="garden" />
        <OpenTasks />
        <Rename id="a" />
        <AllTasks />
        <Finished onFinished={(title) => finished.push(title)} />
        <Connection />
      </App>,
    )
    expect(view.container.textContent).toContain('Loading…')
    await pass()
    const [list, count, pages, changes] = newest().ids
    if (list === undefined || count === undefined || pages === undefined || changes === undefined) throw new Error('Four queries were expected.')
    expect(newest().headers.get('authorization')).toBe('Bearer first')
    newest().send(
      ...snapshot(list, 5, [task('a', 'Dig'), task('b', 'Sow')]),
      ...value(count, 5, 2),
      ...snapshot(pages, 5, [task('a', 'Dig'), task('b', 'Sow'), task('c', 'Mow')]),
    )
    newest().send({ event: 'ready', q: changes, at: at(5, 0), engine: 'incremental', shape: 'rows', ticket: 't' })
    newest().endBatch(5)
    await pass()
    expect([...view.container.querySelectorAll('li')].map(({ textContent }) => textContent)).toEqual(['Dig', 'Sow'])
    expect(view.container.querySelector('b')?.textContent).toBe('2')
    expect(screen.getByText('More')).toBeTruthy()
    newest().send({
      event: 'changes',
      q: changes,
      at: at(6),
      changes: [{ type: 'updated', date: '2026-01-01T00:00:00.000Z', updated: { before: {}, after: task('a', 'Dig') } }],
    })
    newest().endBatch(6)
    fireEvent.click(screen.getByText('Rename'))
    await pass()
    expect(finished).toEqual(['Dig'])
    expect(view.container.querySelector('li')?.textContent).toBe('Water the roses')
    view.unmount()
    await pass(5_100)
  })

  it('refreshes a token', async () => {
    const view = render(
      <App>
        <Tasks spaceId="garden" />
      </App>,
    )
    await pass()
    newest().send({ event: 'auth-expired' })
    await pass()
    expect(newest().headers.get('authorization')).toBe('Bearer second')
    session.token = 'first'
    view.unmount()
    await pass(5_100)
  })

  it('renders on a server what the page then shows', async () => {
    const done = readPage('session=1', edge.fetch)
    await pass()
    edge.reads[0]?.respond({ data: [task('a', 'Dig')], position: 'p', ticket: 't' })
    const state = await done
    expect(
      renderToString(
        <App>
          <Page state={state} />
        </App>,
      ),
    ).toContain('Dig')
  })

  it('feeds the stores of other frameworks', async () => {
    const query = live.task.findMany({ select: { title: true } })
    const seen: unknown[] = []
    const stop = liveStore(live, query).subscribe(({ data }) => seen.push(data?.length))
    const ends: (() => void)[] = []
    const ref = useLive({ shallowRef: (initial) => ({ value: initial }), onScopeDispose: (end) => ends.push(end) }, live, query)
    await pass()
    newest().send(...snapshot(newest().ids[0] ?? newest().ids[1] ?? ('' as never), 5, [task('a', 'Dig')]))
    newest().endBatch(5)
    await pass()
    expect(seen).toEqual([undefined, 1])
    expect(ref.value?.data).toEqual([task('a', 'Dig')])
    stop()
    for (const end of ends) end()
    await pass(5_100)
    expect(newest().isClosed).toBe(true)
  })
})
