import { CLIENT_LIMITS, createLiveClient, type LiveState } from '@zenstack-live/client'
import { createFakeEdge, type FakeConnection, type FakeEdge } from '@zenstack-live/testing/fake-edge'
import { schema } from '@zenstack-live/testing/workspace'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { pass, snapshot } from './support/late-page.ts'

let edge: FakeEdge
// The client loads it beside the first results; faked time does not wait for files.
beforeAll(() => import('../src/later.ts'))
beforeEach(() => {
  vi.useFakeTimers()
  stubTabs()
  edge = createFakeEdge()
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

/** Channels that reach each other, as the browser's do. */
function stubTabs(): void {
  const channels = new Set<EventTarget & { name: string }>()
  class Channel extends EventTarget {
    readonly name: string
    constructor(name: string) {
      super()
      this.name = name
      channels.add(this)
    }
    postMessage(data: unknown): void {
      for (const other of channels) if (other !== this && other.name === this.name) other.dispatchEvent(new MessageEvent('message', { data }))
    }
    close(): void {
      channels.delete(this)
    }
  }
  const page = Object.assign(new EventTarget(), { visibilityState: 'visible' })
  vi.stubGlobal('window', page)
  vi.stubGlobal('document', page)
  vi.stubGlobal('BroadcastChannel', Channel)
}

const newest = (): FakeConnection => {
  const connection = edge.connections.at(-1)
  if (connection === undefined) throw new Error('Nothing was opened.')
  return connection
}

interface Tab {
  readonly live: ReturnType<typeof createLiveClient<typeof schema>>
  /** What the subscriber of its one query was told. */
  readonly told: LiveState<unknown>[]
  readonly stop: () => void
}

/** A client with one live query. */
async function openTab(identity: () => string | null): Promise<Tab> {
  const live = createLiveClient(schema, { endpoint: 'http://edge/live', fetch: edge.fetch, identity })
  const told: LiveState<unknown>[] = []
  const stop = live.subscribe(live.task.findMany(), (state) => told.push(state))
  await pass(10)
  newest().send(...newest().ids.flatMap((id) => snapshot(id, 5, [{ id: 'a' }])))
  newest().endBatch(5)
  await pass()
  return { live, told, stop }
}

describe('signing out in one tab', () => {
  it('empties the other tabs of the same person, and no one else', async () => {
    const people = ['alice', 'alice', 'cay']
    const tabs: Tab[] = []
    for (const [index] of people.entries()) tabs.push(await openTab(() => people[index] ?? null))
    people[0] = 'bob'
    expect(tabs[0]?.live.$status).toBeDefined()
    await pass()
    expect(tabs[0]?.told.at(-1)).toMatchObject({ data: undefined, liveStatus: 'connecting' })
    expect(tabs[1]?.told.at(-1)).toMatchObject({ data: undefined, liveStatus: 'closed' })
    expect(tabs[2]?.told.at(-1)).toMatchObject({ data: [{ id: 'a' }], liveStatus: 'live' })
    expect(edge.connections.map(({ isClosed }) => isClosed).slice(0, 3)).toEqual([true, true, false])
  })

  it('goes on when the tab learns who it is now', async () => {
    const people = ['alice', 'alice']
    const [first, second] = [await openTab(() => people[0] ?? null), await openTab(() => people[1] ?? null)]
    people[0] = 'bob'
    void first.live.$status
    await pass(1000)
    const opened = edge.connections.length
    people[1] = 'bob'
    void second.live.$status
    await pass(10)
    expect(edge.connections).toHaveLength(opened + 1)
    expect(JSON.stringify(newest().body)).not.toContain('ticket')
  })
  it('is told also where nobody watches anything any more, and so is signing in', async () => {
    const people = ['alice', 'alice']
    const [first, second] = [await openTab(() => people[0] ?? null), await openTab(() => people[1] ?? null)]
    first.stop()
    await pass(CLIENT_LIMITS.lingerMs + 100)
    people[0] = 'bob'
    void first.live.$status
    await pass()
    expect(second.told.at(-1)).toMatchObject({ data: undefined, liveStatus: 'closed' })
    const opened = edge.connections.length
    people[0] = 'alice'
    void first.live.$status
    await pass(10)
    expect(edge.connections).toHaveLength(opened + 1)
    expect(second.told.at(-1)).toMatchObject({ liveStatus: 'connecting' })
  })
})
