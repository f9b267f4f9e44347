import { positionLsn, type Limits } from '@zenstack-live/protocol'
import { startPostgres, type PostgresServer } from '@zenstack-live/testing'
import { schema } from '@zenstack-live/testing/workspace'
import type { SchemaDef } from '@zenstackhq/schema'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Guards } from '../src/guards.ts'
import { openGet, openStream, wire, type HeldQuery, type TestStream } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'
import { createWorkspace, seedWorkspace, type Workspace } from './support/workspace.ts'

// Decided in memory; asked again (a window is).
const NOTES = wire('Note', 'findMany', { orderBy: { id: 'asc' } })
const WINDOW = wire('Note', 'findMany', { orderBy: { id: 'asc' }, take: 100 })
const SPACES = wire('Space', 'findMany')
const { id: userId, role } = schema.models.User.fields
// Where a row of the database decides who somebody is, answers wait for the log anyway. A session that is no row leaves it to the guards.
const SCHEMA: SchemaDef = {
  provider: schema.provider,
  models: schema.models,
  enums: schema.enums,
  plugins: schema.plugins,
  authType: 'Session',
  typeDefs: { Session: { name: 'Session', fields: { id: userId, role } } },
}

/*
 * Each guard of `guards.ts` meets the one interleaving it is for, which is forced and not hoped for: the edge gets the log only
 * when the test lets it, and commits stay invisible while they wait for a standby that does not exist. With the guard nothing
 * goes wrong; without it, at once.
 */
describe('where a snapshot and the stream meet', () => {
  let postgres: PostgresServer
  let workspace: Workspace
  let running: RunningEdge
  let letLogGo = (): void => {}
  let isLogFree: Promise<void> = Promise.resolve()
  const streams: TestStream[] = []
  let renames = 0

  beforeAll(async () => {
    postgres = await startPostgres()
    workspace = await createWorkspace(postgres.url)
    await seedWorkspace(workspace)
    running = await startEdge(workspace, {
      schema: SCHEMA,
      limits: { requeryTrailingMs: 5, heartbeatIntervalMs: 100 },
      holdLog: () => isLogFree,
    })
  })
  afterEach(async () => {
    letLogGo()
    await setStandby('')
    for (const stream of streams.splice(0)) stream.close()
    await clear()
  })
  afterAll(async () => {
    await running.close()
    await workspace.close()
    await postgres.stop()
  })

  const clear = async (): Promise<void> => {
    await workspace.sql('DELETE FROM "Note"')
  }
  /** What was done before is in the log, so that what the new edge reads is what a test does. */
  const restart = async (guards: Partial<Guards>): Promise<void> => {
    await running.caughtUp()
    await running.restart({ guards })
  }
  const holdLog = (): void => {
    isLogFree = new Promise((resolve) => (letLogGo = resolve))
  }
  const setStandby = async (names: string): Promise<void> => {
    await workspace.sql(`ALTER SYSTEM SET synchronous_standby_names = '${names}'`)
    await workspace.sql('SELECT pg_reload_conf()')
  }
  const opened = (stream: TestStream): TestStream => {
    streams.push(stream)
    return stream
  }
  const note = (id: number, rank = 0): Promise<unknown> => workspace.db.note.create({ data: { id, ownerId: 'bob', body: 'b', rank } })
  const setRank = (id: number, rank: number): Promise<unknown> => workspace.db.note.update({ where: { id }, data: { rank } })
  const ids = (stream: TestStream, query = NOTES): unknown[] => stream.query(query.q).rows.map(({ row }) => row['id'])
  /** Ranks in the order in which they were told. */
  const ranks = (stream: TestStream): string[] => [...stream.text.matchAll(/"rank":(\d+)/g)].map(([, rank]) => rank ?? '')

  const isAnyCommitWaiting = async (): Promise<boolean> =>
    (await workspace.sql(`SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = current_database()`)).length > 0
  /** The setting reaches commits some time after it is made: tries until one waits. */
  const stallCommits = async (): Promise<void> => {
    await setStandby('nobody')
    while (!(await isAnyCommitWaiting())) {
      const probe = workspace.sql(`SELECT pg_logical_emit_message(true, 'probe', '')`)
      await Promise.race([probe, expect.poll(isAnyCommitWaiting, { timeout: 30_000 }).toBe(true)])
    }
  }

  /** A commit that is in the log, and that the edge has read, but that no snapshot shows until the standby is let go. */
  const commitUnseen = async (write: () => Promise<unknown>): Promise<{ shown: Promise<unknown> }> => {
    const { transactions } = running.edge.metrics()
    await stallCommits()
    // ZenStack asks when somebody waits for it, not before.
    const shown = Promise.resolve().then(write)
    await expect.poll(() => running.edge.metrics().transactions, { timeout: 30_000 }).toBeGreaterThan(transactions)
    return { shown }
  }

  /** Of another table, told by itself: what makes rows be asked for again would need the very guards that are off. */
  const laterChange = async (stream: TestStream): Promise<void> => {
    const name = `Garden ${++renames}`
    await workspace.db.space.update({ where: { id: 'garden' }, data: { name } })
    await stream.until(() => stream.query(SPACES.q).rows.some(({ row }) => row['name'] === name), 'a later change of another table')
  }

  describe('dropsSeen', () => {
    const ranksTold = async (guards: Partial<Guards>): Promise<string[]> => {
      await restart(guards)
      holdLog()
      await note(1)
      await setRank(1, 1)
      await setRank(1, 2)
      const stream = opened(await openStream({ base: running.base, user: 'bob', queries: [NOTES] }))
      await stream.until(() => stream.query(NOTES.q).isReady, 'ready')
      letLogGo()
      await setRank(1, 3)
      await stream.until(() => ranks(stream).includes('3'), 'the last rank')
      return ranks(stream)
    }

    it('keeps what a snapshot showed from being told again, and time from going back', async () => {
      expect(await ranksTold({})).toEqual(['2', '3'])
    })

    it('is missed when it is off', async () => {
      expect(await ranksTold({ dropsSeen: false })).toEqual(['2', '0', '1', '2', '3'])
    })
  })

  describe('holdsIds and replaysAll', () => {
    /** Opens when the snapshot is ahead of the log, is cut after its first block, and comes back when the row it showed is gone. */
    const idsAfterResume = async (guards: Partial<Guards>): Promise<unknown[]> => {
      await restart(guards)
      const { transactions } = running.edge.metrics()
      holdLog()
      await note(1)
      const request = { base: running.base, user: 'bob', path: 'note/findMany', q: NOTES.args }
      const first = opened(await openGet(request))
      // Shown at the end of its batch, with the id that stands there.
      await first.until(() => ids(first).includes(1), 'the note')
      first.close()
      await workspace.db.note.delete({ where: { id: 1 } })
      letLogGo()
      await note(2)
      // Else the way back could begin between the row's coming and its going, which is then told by itself.
      await expect.poll(() => running.edge.metrics().transactions, { timeout: 30_000 }).toBe(transactions + 3)
      const held = new Map<typeof NOTES.q, HeldQuery>([[NOTES.q, first.query(NOTES.q)]])
      const { lastEventId = '' } = first
      const second = opened(await openGet({ ...request, held, ...(lastEventId === '' ? {} : { lastEventId }) }))
      await second.until(() => ids(second).includes(2), 'the note that is left')
      return ids(second)
    }

    it('gives no id to resume from before the log holds what the snapshot showed', async () => {
      expect(await idsAfterResume({})).toEqual([2])
    })

    it('takes back what came and went all the same, where an id lies behind what was shown', async () => {
      expect(await idsAfterResume({ holdsIds: false })).toEqual([2])
    })

    it('are missed when both are off: a row that came and went stays', async () => {
      expect(await idsAfterResume({ holdsIds: false, replaysAll: false })).toEqual([1, 2])
    })
  })

  describe('looksBehind', () => {
    /** Opens between a commit and its becoming visible. @returns what it shows in the end */
    const idsOpenedBetween = async (query: typeof NOTES, guards: Partial<Guards>): Promise<unknown[]> => {
      await clear()
      await restart(guards)
      const { shown } = await commitUnseen(() => note(1))
      const stream = opened(await openStream({ base: running.base, user: 'bob', queries: [query, SPACES] }))
      await stream.until(() => stream.query(query.q).isReady && stream.query(SPACES.q).isReady, 'ready')
      await setStandby('')
      await shown
      await laterChange(stream)
      if (guards.looksBehind !== false) await stream.until(() => ids(stream, query).length > 0, 'the note')
      return ids(stream, query)
    }

    it('tells what the log held already, but the snapshot did not show', async () => {
      expect(await idsOpenedBetween(NOTES, {})).toEqual([1])
      expect(await idsOpenedBetween(WINDOW, {})).toEqual([1])
    })

    it('tells it also where the process began long after the commit', async () => {
      await clear()
      await running.caughtUp()
      await stallCommits()
      const began = (await running.log.state()).entries
      const shown = Promise.resolve().then(() => note(1))
      await expect.poll(async () => (await running.log.state()).entries, { timeout: 30_000 }).toBeGreaterThan(began)
      await running.restart({ limits: { lookBackMs: 0 } })
      const stream = opened(await openStream({ base: running.base, user: 'bob', queries: [NOTES] }))
      await stream.until(() => stream.query(NOTES.q).isReady, 'ready')
      await stream.until(() => ids(stream).join() === '1', 'the note')
      await setStandby('')
      await shown
      await running.restart()
    })

    describe('where the process begins at the end of the log', () => {
      const beginAtEnd = async (): Promise<void> => {
        await running.caughtUp()
        vi.spyOn(running.log, 'positionAt').mockResolvedValue((await running.log.state()).newest)
      }
      afterEach(async () => {
        vi.restoreAllMocks()
        await running.restart()
      })

      it('tells a commit that nobody saw then, though it is the first', async () => {
        await clear()
        await beginAtEnd()
        await stallCommits()
        const began = (await running.log.state()).entries
        const shown = Promise.resolve().then(() => note(1))
        await expect.poll(async () => (await running.log.state()).entries, { timeout: 30_000 }).toBeGreaterThan(began)
        await running.restart()
        const stream = opened(await openStream({ base: running.base, user: 'bob', queries: [NOTES] }))
        await stream.until(() => stream.query(NOTES.q).isReady, 'ready')
        const window = opened(await openStream({ base: running.base, user: 'bob', queries: [WINDOW] }))
        await setStandby('')
        await shown
        await stream.until(() => ids(stream).join() === '1', 'the note')
        await window.until(() => ids(window, WINDOW).join() === '1', 'the note in the window')
      })

      it('tells the first change that comes as every other', async () => {
        await clear()
        await beginAtEnd()
        await running.restart()
        const stream = opened(await openStream({ base: running.base, user: 'bob', queries: [NOTES, WINDOW] }))
        await stream.until(() => stream.query(NOTES.q).isReady && stream.query(WINDOW.q).isReady, 'ready')
        await note(1)
        await stream.until(() => ids(stream).length > 0 && ids(stream, WINDOW).length > 0, 'the note')
        expect(stream.frames.filter(({ event }) => event === 'reset')).toEqual([])
      })
    })

    it('is missed when it is off', async () => {
      expect(await idsOpenedBetween(NOTES, { looksBehind: false })).toEqual([])
      expect(await idsOpenedBetween(WINDOW, { looksBehind: false })).toEqual([])
    })
  })

  describe('waitsForCause', () => {
    const openWindow = async (guards: Partial<Guards>): Promise<TestStream> => {
      await restart(guards)
      const stream = opened(await openStream({ base: running.base, user: 'bob', queries: [WINDOW, SPACES] }))
      await stream.until(() => stream.query(WINDOW.q).isReady && stream.query(SPACES.q).isReady, 'ready')
      return stream
    }
    const hasPassed = async (stream: TestStream): Promise<boolean> => {
      const { newestLsn } = await running.log.state()
      return (positionLsn(stream.lastEventId ?? '') ?? 0n) >= (newestLsn ?? 0n)
    }

    it('asks until an answer has seen the transaction that caused the question', async () => {
      const stream = await openWindow({})
      const { shown } = await commitUnseen(() => note(1))
      await expect.poll(() => running.edge.metrics().requeriesTooEarly, { timeout: 30_000 }).toBeGreaterThan(1)
      expect(await hasPassed(stream)).toBe(false)
      await setStandby('')
      await shown
      await stream.until(() => ids(stream, WINDOW).includes(1), 'the note')
    })

    it('is missed when it is off', async () => {
      const stream = await openWindow({ waitsForCause: false })
      const { shown } = await commitUnseen(() => note(1))
      await expect.poll(() => hasPassed(stream), { timeout: 30_000 }).toBe(true)
      await setStandby('')
      await shown
      await laterChange(stream)
      expect(ids(stream, WINDOW)).toEqual([])
    })
  })

  describe('a query whose answers do not come', () => {
    /** Commits that no snapshot shows, one more than are waited for or just as many. */
    const eventsWith = async (limits: Partial<Limits>, count: number): Promise<string[]> => {
      await running.caughtUp()
      await running.restart({ limits: { requeryTrailingMs: 5, heartbeatIntervalMs: 100, ...limits } })
      const stream = opened(await openStream({ base: running.base, user: 'bob', queries: [WINDOW] }))
      await stream.until(() => stream.query(WINDOW.q).isReady, 'ready')
      await stallCommits()
      const { transactions } = running.edge.metrics()
      const shown = Promise.all(Array.from({ length: count }, async (_, index) => note(index + 1)))
      await expect.poll(() => running.edge.metrics().transactions, { timeout: 30_000 }).toBe(transactions + count)
      await setStandby('')
      await shown
      await stream.until(() => ids(stream, WINDOW).length === count && stream.query(WINDOW.q).isReady, 'all notes')
      return stream.frames.map((frame) => (frame.event === 'reset' ? `reset: ${frame.reason}` : frame.event))
    }

    it.each([3, 4])('goes on with %i causes of which it remembers 3: the log has the others', async (count) => {
      expect(await eventsWith({ maxPendingTransactions: 3 }, count)).not.toContain('reset: slow')
    })

    it('begins anew where the log has let go of them, and shows all of it in the end', async () => {
      expect(await eventsWith({ maxPendingTransactions: 3, ringEntries: 3 }, 6)).toContain('reset: slow')
    })
  })
})
