import type { LiveClient } from '@zenstack-live/edge'
import { CHANGES_SEGMENT, LiveError, type Limits } from '@zenstack-live/protocol'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { openStream, wire, type TestStream } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'
import { createWorkspace, seedWorkspace, type Workspace } from './support/workspace.ts'

const TASKS = wire('Task', 'findMany', { orderBy: { id: 'asc' } })
const WINDOW = wire('Task', 'findMany', { orderBy: { id: 'asc' }, take: 10 })

const budgets = (stream: TestStream): unknown[] => [TASKS, WINDOW].map(({ q }) => String(stream.query(q).rows[0]?.row['budget']))

describe('a stream whose user changes', () => {
  let workspace: Workspace
  let running: RunningEdge
  let isSignedIn = true
  let isStoreUp = true
  let sessionRole: 'MEMBER' | 'MANAGER' | undefined
  let isLogFree: Promise<void> = Promise.resolve()
  let onceIdentified: (() => Promise<unknown>) | undefined
  let isStoreFree: Promise<void> = Promise.resolve()
  let asked = 0
  const streams: TestStream[] = []

  beforeAll(async () => {
    workspace = await createWorkspace(inject('postgresUrl'))
    await seedWorkspace(workspace)
    await workspace.db.task.create({ data: { id: 't1', spaceId: 'garden', title: 'Dig', ownerId: 'ann', budget: 4711 } })
    running = await startEdge(workspace, { getClient, holdLog: () => isLogFree, limits: { identityMaxAgeMs: 60_000 } })
  })
  afterEach(() => {
    for (const stream of streams.splice(0)) stream.close()
  })
  afterAll(async () => {
    await running.close()
    await workspace.close()
  })

  /** As applications do: the session names the user, the database knows the role. */
  async function getClient(): Promise<LiveClient> {
    if (!isSignedIn) throw new LiveError('unauthenticated', 'the session has ended')
    if (!isStoreUp) throw new Error('the session store does not answer')
    asked++
    await isStoreFree
    const user = await workspace.db.user.findUniqueOrThrow({ where: { id: 'bob' } })
    const runOnce = onceIdentified
    onceIdentified = undefined
    await runOnce?.()
    return workspace.as({ id: user.id, role: sessionRole ?? user.role })
  }

  const opened = async (queries = [TASKS, WINDOW]): Promise<TestStream> => {
    const stream = await openStream({ base: running.base, queries })
    streams.push(stream)
    await stream.until(() => queries.every(({ q }) => stream.query(q).isReady), 'ready')
    return stream
  }
  /** Time enough for what must not happen: nothing tells that it does not. */
  const aMoment = async (): Promise<void> => {
    for (let turn = 0; turn < 300; turn++) await workspace.sql('SELECT 1')
  }
  const setRole = (role: 'MEMBER' | 'MANAGER'): Promise<unknown> => workspace.db.user.update({ where: { id: 'bob' }, data: { role } })

  it('gains and loses fields when the row behind auth() changes, and never sees one too many', async () => {
    const stream = await opened()
    expect(budgets(stream)).toEqual(['null', 'null'])
    await setRole('MANAGER')
    await stream.until(() => budgets(stream).join() === '4711,4711', 'the budgets')
    expect(stream.frames.filter((frame) => frame.event === 'reset' && frame.reason === 'identity')).toHaveLength(2)
    // In one transaction: what follows the demotion is not for this user any more.
    await workspace.db.$transaction(async (tx) => {
      await tx.user.update({ where: { id: 'bob' }, data: { role: 'MEMBER' } })
      await tx.task.update({ where: { id: 't1' }, data: { budget: 47124712, title: 'Dig deeper' } })
    })
    await stream.until(() => budgets(stream).join() === 'null,null', 'the budgets to go')
    await workspace.db.task.update({ where: { id: 't1' }, data: { budget: 47134713 } })
    await workspace.db.task.update({ where: { id: 't1' }, data: { title: 'Dig' } })
    await stream.until(() => stream.query(TASKS.q).rows[0]?.row['title'] === 'Dig', 'the title')
    expect(stream.text).not.toMatch(/47124712|47134713/)
  })

  it('gives nothing that was made for the one before, when it opens or resumes while the row changes', async () => {
    await setRole('MANAGER')
    await running.caughtUp()
    const manager = await opened()
    await manager.until(() => (manager.lastEventId ?? '') !== '', 'an id')
    manager.close()
    const queries = [TASKS, WINDOW].map((query) => ({ ...query, ticket: manager.query(query.q).ticket ?? '' }))
    for (let round = 0; round < 20; round++) {
      // What was written last was for no manager's eyes.
      await workspace.db.task.update({ where: { id: 't1' }, data: { budget: 4713 } })
      await setRole('MANAGER')
      const value = String(500_000_000 + round)
      const demotion = workspace.db.$transaction(async (tx) => {
        await tx.user.update({ where: { id: 'bob' }, data: { role: 'MEMBER' } })
        await tx.task.update({ where: { id: 't1' }, data: { budget: value } })
      })
      const stream = await openStream({ base: running.base, queries, lastEventId: manager.lastEventId ?? '' })
      streams.push(stream)
      await demotion
      await running.caughtUp()
      await stream.until(() => budgets(stream).join() === 'null,null', 'the member to see no budget')
      expect(stream.text).not.toContain(value)
      stream.close()
    }
    await workspace.db.task.update({ where: { id: 't1' }, data: { budget: 4713 } })
  })

  describe('who is another for a while', () => {
    /** A manager is demoted; who it is now is asked, and not answered yet. */
    const demoted = async (): Promise<{ stream: TestStream; answer(): void }> => {
      await setRole('MANAGER')
      await workspace.db.task.update({ where: { id: 't1' }, data: { budget: 100 } })
      await running.caughtUp()
      const stream = await opened()
      await stream.until(() => budgets(stream).join() === '100,100', 'the budgets')
      const gate = Promise.withResolvers<void>()
      isStoreFree = gate.promise
      const before = asked
      await setRole('MEMBER')
      await expect.poll(() => asked, { timeout: 30_000 }).toBeGreaterThan(before)
      return { stream, answer: gate.resolve }
    }
    const promotion = (budget: number): string =>
      `WITH paid AS (UPDATE "Task" SET budget = ${budget} WHERE id = 't1') UPDATE "User" SET role = 'MANAGER' WHERE id = 'bob'`

    /** From then on nobody can read tasks. @returns what lets them again */
    const promoteAndLock = async (budget: number): Promise<() => Promise<void>> => {
      const [writer, locker] = [new pg.Client(workspace.url), new pg.Client(workspace.url)]
      await Promise.all([writer.connect(), locker.connect()])
      await writer.query('BEGIN')
      await writer.query(promotion(budget))
      await locker.query('BEGIN')
      const isLocked = locker.query('LOCK TABLE "Task" IN ACCESS EXCLUSIVE MODE')
      const waiting = `SELECT FROM pg_locks WHERE relation = '"Task"'::regclass AND NOT granted`
      await expect.poll(() => workspace.sql(waiting), { timeout: 30_000 }).toHaveLength(1)
      await writer.query('COMMIT')
      await isLocked
      return async () => {
        await Promise.all([writer.end(), locker.end()])
      }
    }

    it('is not shown what the log tells of that while only after it is known who they are', async () => {
      const { stream, answer } = await demoted()
      const gate = Promise.withResolvers<void>()
      isLogFree = gate.promise
      await workspace.db.task.update({ where: { id: 't1' }, data: { budget: 70017001 } })
      await workspace.sql(promotion(70027002))
      answer()
      await aMoment()
      gate.resolve()
      await stream.until(() => budgets(stream).join() === '70027002,70027002', 'the newest budget')
      expect(stream.text).not.toContain('70017001')
    })

    it('is not shown what the database answered in that while', async () => {
      const { stream, answer } = await demoted()
      const { requeries } = running.edge.metrics()
      await workspace.db.task.update({ where: { id: 't1' }, data: { budget: 71017101 } })
      await expect.poll(() => running.edge.metrics().requeries, { timeout: 30_000 }).toBeGreaterThan(requeries)
      await running.caughtUp()
      const unlock = await promoteAndLock(71027102)
      answer()
      await aMoment()
      await unlock()
      await stream.until(() => budgets(stream).join() === '71027102,71027102', 'the newest budget')
      expect(stream.text).not.toContain('71017101')
      await setRole('MEMBER')
      await workspace.db.task.update({ where: { id: 't1' }, data: { budget: 4713 } })
      await running.caughtUp()
    })
  })

  describe('whose answer shows what changed it', () => {
    /** The user is demoted between the question who it is and the question for the rows; the log hears of it last. */
    const bytesSent = async (guards: { holdsAnswers?: boolean }): Promise<string> => {
      await setRole('MANAGER')
      await workspace.db.task.update({ where: { id: 't1' }, data: { budget: 100 } })
      await running.caughtUp()
      await running.restart({ guards })
      // From then on it is known that the promotion can be seen.
      const first = await opened()
      first.close()
      let letLogGo = (): void => {}
      isLogFree = new Promise((resolve) => (letLogGo = resolve))
      onceIdentified = async () => {
        await workspace.db.$transaction(async (tx) => {
          await tx.user.update({ where: { id: 'bob' }, data: { role: 'MEMBER' } })
          await tx.task.update({ where: { id: 't1' }, data: { budget: 60016001, title: 'for members' } })
        })
      }
      const before = asked
      const opening = openStream({ base: running.base, queries: [TASKS, WINDOW] })
      if (guards.holdsAnswers === false) await opening.then((stream) => stream.until(() => stream.text.includes('for members'), 'the answer'))
      else await expect.poll(() => asked, { timeout: 30_000 }).toBeGreaterThan(before)
      await aMoment()
      letLogGo()
      const stream = await opening
      streams.push(stream)
      await stream.until(() => budgets(stream).join() === 'null,null', 'the member to see no budget')
      return stream.text
    }

    it('gets it only when it is known for whom', async () => {
      expect(await bytesSent({})).not.toContain('60016001')
    })

    it('would be shown what is no longer its own', async () => {
      expect(await bytesSent({ holdsAnswers: false })).toContain('60016001')
      await workspace.db.task.update({ where: { id: 't1' }, data: { budget: 4713, title: 'Dig' } })
      await running.caughtUp()
      await running.restart()
    })
  })

  it('goes on where it was when the row changed, but not the identity', async () => {
    const stream = await opened()
    const before = stream.frames.length
    const { identityChecks } = running.edge.metrics()
    await workspace.db.$transaction(async (tx) => {
      await tx.user.update({ where: { id: 'bob' }, data: { name: 'Bobby' } })
      await tx.task.update({ where: { id: 't1' }, data: { title: 'Dig again' } })
    })
    await stream.until(() => [TASKS, WINDOW].every(({ q }) => stream.query(q).rows[0]?.row['title'] === 'Dig again'), 'the title')
    expect(running.edge.metrics().identityChecks).toBeGreaterThan(identityChecks)
    const later = stream.frames.slice(before).map((frame) => frame.event)
    expect(later).not.toContain('reset')
  })

  it('is asked again by refreshIdentity, and after identityMaxAgeMs', async () => {
    const stream = await opened()
    sessionRole = 'MANAGER'
    running.edge.refreshIdentity('bob')
    await stream.until(() => budgets(stream).join() === '4713,4713', 'the budgets')
    await running.restart({ limits: { identityMaxAgeMs: 300 } })
    const young = await opened()
    expect(budgets(young)).toEqual(['4713', '4713'])
    sessionRole = undefined
    await young.until(() => budgets(young).join() === 'null,null', 'the budgets to go')
    await running.restart()
  })

  it('is rid of what its snapshot showed and what went while it was held', async () => {
    // As where policies read no more of auth() than who it is: answers need not wait for the log.
    await running.restart({ guards: { holdsAnswers: false } })
    let letLogGo = (): void => {}
    isLogFree = new Promise((resolve) => (letLogGo = resolve))
    await workspace.db.task.create({ data: { id: 't2', spaceId: 'garden', title: 'Weed', ownerId: 'ann' } })
    await workspace.db.task.update({ where: { id: 't1' }, data: { title: 'Dig once' } })
    const stream = await opened([TASKS])
    expect(stream.query(TASKS.q).rows.map(({ row }) => row['title'])).toEqual(['Dig once', 'Weed'])
    const { promise, resolve } = Promise.withResolvers<void>()
    onceIdentified = () => promise
    running.edge.refreshIdentity('bob')
    await workspace.db.task.delete({ where: { id: 't2' } })
    await workspace.db.task.update({ where: { id: 't1' }, data: { title: 'Dig' } })
    const { transactions } = running.edge.metrics()
    letLogGo()
    await expect.poll(() => running.edge.metrics().transactions, { timeout: 30_000 }).toBe(transactions + 4)
    resolve()
    await stream.until(
      () =>
        stream
          .query(TASKS.q)
          .rows.map(({ row }) => row['title'])
          .join() === 'Dig',
      'what is left',
    )
  })

  describe('while it is held for longer than memory reaches back', () => {
    const CHANGES = wire('Task', CHANGES_SEGMENT)
    const titles = (stream: TestStream): unknown[] =>
      stream.frames.flatMap((frame) =>
        frame.event === 'changes' ? (frame.changes as { updated: { after: { title: string } } }[]).map(({ updated }) => updated.after.title) : [],
      )

    /** Nobody says who it is until five changes were made. */
    const heldWhileFiveChange = async (limits: Partial<Limits>): Promise<{ stream: TestStream; questions: number }> => {
      await running.caughtUp()
      await running.restart({ limits: { identityMaxAgeMs: 60_000, ringEntries: 2, logReadCount: 2, ...limits } })
      const stream = await opened([TASKS, CHANGES])
      // No snapshot is remembered any more.
      await workspace.db.task.update({ where: { id: 't1' }, data: { title: 'Dig 0' } })
      await stream.until(() => titles(stream).length === 1, 'the first change')
      const { databaseQueries } = running.edge.metrics()
      const { promise, resolve } = Promise.withResolvers<void>()
      onceIdentified = () => promise
      running.edge.refreshIdentity('bob')
      for (let number = 1; number <= 5; number++) await workspace.db.task.update({ where: { id: 't1' }, data: { title: `Dig ${number}` } })
      await running.caughtUp()
      await expect.poll(() => running.edge.metrics().transactions, { timeout: 30_000 }).toBeGreaterThanOrEqual(6)
      resolve()
      await stream.until(() => stream.query(TASKS.q).rows[0]?.row['title'] === 'Dig 5', 'the last title')
      return { stream, questions: running.edge.metrics().databaseQueries - databaseQueries }
    }

    it('is given the rest from the log, and asks for nothing', async () => {
      const { stream, questions } = await heldWhileFiveChange({})
      await stream.until(() => titles(stream).includes('Dig 5'), 'the change')
      expect(stream.frames.filter(({ event }) => event === 'reset')).toEqual([])
      expect(questions).toBe(0)
    })

    it('begins anew where the log is too long to be read, and says so', async () => {
      const { stream } = await heldWhileFiveChange({ maxReplayEntries: 2 })
      expect(stream.frames.flatMap((frame) => (frame.event === 'reset' ? [frame.reason] : []))).toEqual(['slow', 'slow'])
      await workspace.db.task.update({ where: { id: 't1' }, data: { title: 'Dig' } })
      await stream.until(() => titles(stream).includes('Dig'), 'what follows')
      await running.restart({ limits: {} })
    })
  })

  it('is not believed for longer than identityMaxAgeMs and identityTimeoutMs, where getClient does not answer', async () => {
    await running.restart({ limits: { identityMaxAgeMs: 300, identityTimeoutMs: 3_000 } })
    const stream = await opened()
    let letStoreGo = (): void => {}
    isStoreFree = new Promise((resolve) => (letStoreGo = resolve))
    await stream.until(() => stream.isEnded, 'the end')
    expect(stream.frames.at(-1)).toEqual({ event: 'bye', reason: 'overloaded' })
    const [one, read] = await Promise.all(
      ['text/event-stream', 'application/json'].map((accept) => fetch(`${running.base}/task/findMany`, { headers: { accept } })),
    )
    expect([one?.status, await one?.text()]).toEqual([200, expect.stringMatching(/^retry: /)])
    expect([read?.status, await read?.json()]).toMatchObject([500, { error: { code: 'internal' } }])
    letStoreGo()
    await running.restart({ limits: {} })
    await opened()
  })

  it('ends with auth-expired when nobody is there any more', async () => {
    const stream = await opened()
    isSignedIn = false
    running.edge.refreshIdentity('bob')
    await stream.until(() => stream.isEnded, 'the end')
    expect(stream.frames.at(-1)).toEqual({ event: 'auth-expired' })
    isSignedIn = true
  })

  it('comes back, and is not signed out, while nobody can say who is there', async () => {
    const stream = await opened()
    isStoreUp = false
    running.edge.refreshIdentity('bob')
    await stream.until(() => stream.isEnded, 'the end')
    expect(stream.frames.at(-1)).toEqual({ event: 'bye', reason: 'overloaded' })
    isStoreUp = true
    await workspace.sql(`DELETE FROM "User" WHERE id = 'bob'`)
    const response = await fetch(`${running.base}/task/findMany`, { headers: { accept: 'text/event-stream' } })
    expect([response.status, await response.json()]).toMatchObject([401, { error: { code: 'unauthenticated' } }])
  })
})
