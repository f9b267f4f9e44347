import type { LiveProjectionSource, ProjectionFrame } from '@zenstack-live/protocol'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { openPoliciedDatabase } from './support/policied-database.ts'
import { openGet, type TestStream } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'
import { createWorkspace, seedWorkspace, type Workspace } from './support/workspace.ts'

const PATH = '$projections/plan/p1'

/** What only managers may see, and nobody keeps: each state takes the place of the one before. */
describe('a projection whose reader is another for a while', () => {
  let workspace: Workspace
  let running: RunningEdge
  let isStoreFree: Promise<void> = Promise.resolve()
  let isLogFree: Promise<void> = Promise.resolve()
  let isRuleFree: Promise<void> = Promise.resolve()
  let asked = 0
  const logged: string[] = []
  const held: (() => void)[] = []
  const plan = createPlan()

  beforeAll(async () => {
    workspace = await createWorkspace(inject('postgresUrl'))
    await seedWorkspace(workspace)
    await workspace.db.user.update({ where: { id: 'ann' }, data: { role: 'MANAGER' } })
    running = await startEdge(workspace, {
      holdLog: () => isLogFree,
      logger: { warn: (message, facts) => void logged.push(`${message} ${JSON.stringify(facts)}`), error: () => {} },
      projections: { plan: { projection: plan.source, authorize: (auth) => isRuleFree.then(() => auth?.['role'] === 'MANAGER') } },
      async getClient(c) {
        asked++
        await isStoreFree
        const user = await workspace.db.user.findUniqueOrThrow({ where: { id: c.req.header('x-user') ?? 'bob' } })
        return workspace.as({ id: user.id, role: user.role })
      },
    })
  })
  beforeEach(async () => {
    await setRole('MANAGER')
    plan.becomes('nothing yet')
    await running.caughtUp()
  })
  afterEach(() => {
    for (const letGo of held.splice(0)) letGo()
  })
  afterAll(async () => {
    await running.close()
    await workspace.close()
  })

  const setRole = (role: 'MEMBER' | 'MANAGER'): Promise<unknown> => workspace.db.user.update({ where: { id: 'bob' }, data: { role } })
  const open = async (user = 'bob'): Promise<TestStream> => {
    const stream = await openGet({ base: running.base, path: PATH, user })
    await stream.until(() => stream.text.includes('nothing yet'), 'the state')
    return stream
  }
  const hold = (): { promise: Promise<void>; letGo(): void } => {
    const { promise, resolve } = Promise.withResolvers<void>()
    held.push(resolve)
    return { promise, letGo: resolve }
  }

  it('is not shown what came and went in that while', async () => {
    const stream = await open()
    const store = hold()
    isStoreFree = store.promise
    const before = asked
    await setRole('MEMBER')
    await expect.poll(() => asked, { timeout: 30_000 }).toBeGreaterThan(before)
    plan.becomes('for members')
    const { transactions } = running.edge.metrics()
    await setRole('MANAGER')
    await expect.poll(() => running.edge.metrics().transactions, { timeout: 30_000 }).toBeGreaterThan(transactions)
    plan.becomes('for all')
    store.letGo()
    await stream.until(() => stream.text.includes('for all'), 'the newest state')
    expect(stream.text).not.toContain('for members')
    // As a whole: what it held is not what the next patch is for.
    expect(stream.text.match(/event: snapshot/g)).toHaveLength(2)
    plan.becomes('afterwards')
    await stream.until(() => stream.text.includes('afterwards'), 'what follows')
    stream.close()
  })

  it('is not shown what the log has not told yet who may see', async () => {
    const stream = await open()
    const log = hold()
    isLogFree = log.promise
    await setRole('MEMBER')
    plan.becomes('for members')
    const reading = fetch(`${running.base}/${PATH}`)
    log.letGo()
    await stream.until(() => stream.isEnded, 'the end')
    expect(stream.text).not.toContain('for members')
    expect(logged.join('\n')).toMatch(/ended with an error.*"identity":"bob","projection":"plan","code":"forbidden"/)
    expect((await reading).status).toBe(403)
  })

  it('is asked for, and shown what they may still see, while the log does not come', async () => {
    // Her row has not changed of late: where it has, nobody is believed but the log.
    const stream = await open('ann')
    const log = hold()
    isLogFree = log.promise
    const before = asked
    await workspace.db.note.create({ data: { ownerId: 'bob', body: 'anything' } })
    plan.becomes('still theirs')
    await stream.until(() => stream.text.includes('still theirs'), 'the state')
    expect(asked).toBeGreaterThan(before)
    log.letGo()
    stream.close()
  })

  it('is not shown what nobody says they may see', async () => {
    await running.restart({ limits: { identityMaxAgeMs: 300, identityTimeoutMs: 3_000 } })
    const stream = await open()
    isRuleFree = hold().promise
    await stream.until(() => stream.isEnded, 'the end')
    expect(stream.frames.at(-1)).toMatchObject({ event: 'error', code: 'forbidden' })
    expect((await fetch(`${running.base}/${PATH}`)).status).toBe(403)
  })

  it('counts with all streams of one person, and of all', async () => {
    const next = (path: string, user: string): Promise<TestStream> => openGet({ base: running.base, path, user })
    for (const [limits, other] of [
      [{ maxConnectionsPerIdentity: 2 }, 'ann'],
      [{ maxConnections: 2 }, 'bob'],
    ] as const) {
      await running.restart({ limits })
      const all = [await next('note/findMany', 'ann'), await next(PATH, 'ann')]
      await Promise.all(all.map((stream) => stream.until(() => /event: (ready|snapshot)/.test(stream.text), 'the answer')))
      for (const path of [PATH, 'note/findMany']) {
        const turned = await next(path, other)
        await turned.until(() => turned.isEnded, 'the end')
        expect(turned.text).toMatch(/^retry: \d+\n\nevent: bye\ndata: \{"reason":"overloaded"\}\n\n$/)
      }
      all.pop()?.close()
      await expect.poll(() => running.edge.metrics().connectionsNow, { timeout: 30_000 }).toBe(1)
      const again = await next(PATH, other)
      await again.until(() => again.text.includes('event: snapshot'), 'the state')
      for (const stream of [...all, again]) stream.close()
    }
    await running.restart()
  })
})

/** Who is the same to all policies, and not to the projection. */
it('is asked for with the auth() of whoever asks, also where no policy tells them from another', async () => {
  const database = await openPoliciedDatabase(`model User { id String @id
    role String
    @@auth
    @@allow('read', auth().role == 'MEMBER') }`)
  const { schema, url, sql, bound } = database
  const plan = createPlan()
  plan.becomes('for one alone')
  const running = await startEdge(
    {
      url,
      sql,
      as: () => {
        throw new TypeError('getClient says who asks.')
      },
    },
    {
      schema,
      tables: ['User'],
      projections: { plan: { projection: plan.source, authorize: (auth, id) => auth?.['id'] === id } },
      getClient: (c) => bound.$setAuth({ id: c.req.header('x-user') ?? '', role: 'MEMBER' }),
    },
  )
  const statusFor = async (user: string): Promise<number> =>
    (await fetch(`${running.base}/$projections/plan/bob`, { headers: { 'x-user': user } })).status
  expect([await statusFor('bob'), await statusFor('cay'), await statusFor('bob')]).toEqual([200, 403, 200])
  await running.close()
  await database.close()
})

/** A projection that is what it is told to be. */
function createPlan(): { source: LiveProjectionSource; becomes(state: string): void } {
  let state = ''
  let position = 0
  const watchers = new Set<(frame: ProjectionFrame) => void>()
  return {
    becomes(next) {
      state = next
      const from = position++
      for (const tell of watchers) tell({ kind: 'patch', from, to: position, patch: [{ op: 'replace', path: '', value: next }] })
    },
    source: {
      name: 'plan',
      version: 1,
      tables: [],
      open: () => ({
        async *watch(_id, { signal } = {}) {
          const frames: ProjectionFrame[] = [{ kind: 'snapshot', position, state }]
          let wake = (): void => {}
          const tell = (frame: ProjectionFrame): void => {
            frames.push(frame)
            wake()
          }
          watchers.add(tell)
          signal?.addEventListener('abort', () => wake())
          const isOver = (): boolean => signal?.aborted === true
          while (!isOver()) {
            const frame = frames.shift()
            if (frame !== undefined) yield frame
            else await new Promise<void>((resolve) => (wake = resolve))
          }
          watchers.delete(tell)
        },
        wake: () => {},
        close: async () => {},
      }),
    },
  }
}
