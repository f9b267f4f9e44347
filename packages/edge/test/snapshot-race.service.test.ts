import { startPostgres, type PostgresServer } from '@zenstack-live/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { countLost, createRandom, judge, openWriters, pause, type Faults, type Writers } from './support/race.ts'
import { openGet, openStream, wire, type TestStream } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'
import { createWorkspace, seedWorkspace, type Workspace } from './support/workspace.ts'

// Decided in memory; asked again (a window is).
const MEMORY = wire('Note', 'findMany', { where: { rank: { gte: 0 } } })
const ASKED = wire('Note', 'findMany', { where: { rank: { gte: 0 } }, take: 1000 })

interface Burst {
  openings: number
  /** Commits stay in the write-ahead log, but invisible, for a while of each burst. */
  isStalled?: boolean
  prelude?: string
  /** Each stream is cut as soon as it has an id, and resumed from it. */
  isResumed?: boolean
  logDelayMs?: number
}

describe('a snapshot and the stream behind it', () => {
  let postgres: PostgresServer
  let workspace: Workspace
  let running: RunningEdge
  let writers: Writers
  let commits = 0
  let seed = 1
  // A log that is a little behind, as one on another machine is.
  let logDelayMs = 0

  beforeAll(async () => {
    postgres = await startPostgres()
    workspace = await createWorkspace(postgres.url)
    await seedWorkspace(workspace)
    await workspace.sql('CREATE SEQUENCE versions')
    writers = await openWriters(workspace, 4)
    running = await startEdge(workspace, { limits: { requeryTrailingMs: 5 }, holdLog: () => pause(logDelayMs) })
  })
  afterAll(async () => {
    await setStandby('')
    await running.close()
    await writers.close()
    await workspace.close()
    await postgres.stop()
  })

  const setStandby = async (names: string): Promise<void> => {
    await workspace.sql(`ALTER SYSTEM SET synchronous_standby_names = '${names}'`)
    await workspace.sql('SELECT pg_reload_conf()')
  }

  const expectedVersions = async (): Promise<Map<string, number>> =>
    new Map((await workspace.sql('SELECT id, rank FROM "Note" WHERE "ownerId" = \'bob\'')).map(({ id, rank }) => [String(id), Number(rank)]))

  /** Opens streams while writers write, waits until all is quiet, and counts what went wrong. */
  const burst = async (options: Burst, faults: Faults): Promise<void> => {
    const random = createRandom(seed++)
    const durationMs = 100 + options.openings * 15
    const writing = writers.writeFor({ durationMs, random, ...(options.prelude === undefined ? {} : { prelude: options.prelude }) })
    const stalling = options.isStalled === true ? stallFor(durationMs * 0.6, random) : undefined
    const opened: { streams: TestStream[]; versions: Map<string, number> }[] = []
    const following = Array.from({ length: options.openings }, async (_, index) => {
      await pause(random() * durationMs)
      opened.push(
        options.isResumed === true ? await openAndResume(index) : { streams: [await open(index % 2 === 0 ? MEMORY : ASKED)], versions: new Map() },
      )
    })
    const [written] = await Promise.all([writing, stalling, ...following])
    commits += written
    await running.caughtUp()
    const expected = await expectedVersions()
    for (const { streams, versions } of opened) {
      const last = streams.at(-1)
      const all = (): Map<string, number> => {
        const seen = new Map<string, number>()
        judge(
          streams.flatMap((stream) => stream.frames),
          seen,
          { lost: 0, repeated: 0, regressed: 0 },
        )
        return seen
      }
      await last?.until(() => countLost(all(), expected) === 0, 'all rows', 30_000).catch(() => {})
      judge(
        streams.flatMap((stream) => stream.frames),
        versions,
        faults,
      )
      const lost = countLost(versions, expected)
      faults.lost += lost
      for (const stream of streams) stream.close()
    }
  }

  const open = (query: typeof MEMORY): Promise<TestStream> => openStream({ base: running.base, user: 'bob', queries: [query] })

  const openAndResume = async (_index: number): Promise<{ streams: TestStream[]; versions: Map<string, number> }> => {
    const request = { base: running.base, user: 'bob', path: 'note/findMany', q: MEMORY.args }
    const first = await openGet(request)
    await first.until(() => first.lastEventId !== undefined && first.lastEventId !== '', 'an id')
    const { lastEventId = '' } = first
    first.close()
    await pause(1)
    return { streams: [first, await openGet({ ...request, lastEventId })], versions: new Map() }
  }

  const stallFor = async (durationMs: number, random: () => number): Promise<void> => {
    await pause(random() * 20)
    await setStandby('nobody')
    await pause(durationMs)
    await setStandby('')
  }

  const rounds = async (count: number, options: Burst): Promise<Faults> => {
    const faults: Faults = { lost: 0, repeated: 0, regressed: 0 }
    await running.restart()
    logDelayMs = options.logDelayMs ?? 0
    for (let round = 0; round < count; round++) await burst(options, faults)
    return faults
  }

  const NONE: Faults = { lost: 0, repeated: 0, regressed: 0 }

  it('meet without a gap or an overlap while others commit', async () => {
    expect(await rounds(15, { openings: 14 })).toEqual(NONE)
  })

  it('meet while the log is behind', async () => {
    expect(await rounds(8, { openings: 12, logDelayMs: 25 })).toEqual(NONE)
  })

  it('meet under synchronous_commit=off', async () => {
    expect(await rounds(8, { openings: 12, prelude: 'SET synchronous_commit = off' })).toEqual(NONE)
  })

  it('meet while commits wait for a standby: in the log, but not yet visible', async () => {
    expect(await rounds(10, { openings: 12, isStalled: true })).toEqual(NONE)
  })

  it('are met again by a reader that resumes from its first id', async () => {
    expect(await rounds(8, { openings: 10, isResumed: true })).toEqual(NONE)
    expect(await rounds(4, { openings: 10, isResumed: true, isStalled: true })).toEqual(NONE)
  })

  it('were tried: there were many commits', () => {
    expect(commits).toBeGreaterThan(200)
  })
})
