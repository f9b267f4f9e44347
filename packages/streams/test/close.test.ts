import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedLog, type ChangeLog } from '@zenstack-live/change-log'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createStreams, type StreamClient, type StreamHandle, type Streams, type StreamsDeps } from '../src/index.ts'
import { noteEntries, noteMark } from './support/note-entries.ts'
import { noteData } from './support/note-model.ts'

const PATIENT = { timeout: 30_000, interval: 5 }
const OPTIONS = { model: 'Note', id: 'mail', start: 'beginning', created: {} } as const
const never = new Promise<never>(() => undefined)

let directory: string
let log: ChangeLog
let told: (number | string)[]

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'zenstack-live-close-'))
  log = await openEmbeddedLog({ directory })
  told = []
})
afterEach(async () => {
  vi.restoreAllMocks()
  await log.close()
  rmSync(directory, { recursive: true, force: true })
})

function open(deps: Partial<StreamsDeps> = {}): Streams<typeof schema> {
  const client = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool: new pg.Pool({ host: '127.0.0.1', port: 1 }) }) })
  return createStreams<typeof schema>({ log, client, dataModel: () => noteData, ...deps, limits: { standbyPollMs: 10, drainMs: 20, ...deps.limits } })
}

const tell = ({ created }: { created: { rank: number } }): void => void told.push(created.rank)
const tellGap = ({ reason }: { reason: string }): void => void told.push(reason)
const isTold = (...all: typeof told): Promise<void> => vi.waitFor(() => expect(told).toEqual(all), PATIENT)

/** The log takes no more places, as when it is away. */
function refuseSaves(): { refused: () => number; accept: () => void } {
  const save = vi.spyOn(log.readers, 'save').mockImplementation(async () => {
    throw Object.assign(new Error('away'), { code: 'log_unavailable' })
  })
  return { refused: () => save.mock.calls.length, accept: () => save.mockRestore() }
}

/** Fails where it hangs: the limits are some ten milliseconds. */
async function closes(handle: StreamHandle): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const tooLong = new Promise<string>((resolve) => (timer = setTimeout(resolve, 5_000, 'hangs')))
  expect(await Promise.race([handle.close().then(() => 'closed'), tooLong])).toBe('closed')
  clearTimeout(timer)
}

/** What the next process is told from here on. */
async function nextIsTold(...all: typeof told): Promise<void> {
  told = []
  const streams = open()
  streams.handle({ ...OPTIONS, onGap: tellGap }, tell)
  await isTold(...all)
  await streams.close()
}

describe('a stream that is closed does not wait', () => {
  it('for a log that is away from the start', async () => {
    await log.append(noteEntries(1))
    const { refused, accept } = refuseSaves()
    const handle = open().handle(OPTIONS, tell)
    await vi.waitFor(() => expect(refused()).toBeGreaterThan(0), PATIENT)
    await closes(handle)
    expect(told).toEqual([])
    accept()
    await nextIsTold(0)
  })

  it('for a log that is away before a gap is told', async () => {
    await log.append([...noteEntries(1), noteMark(1)])
    let saves: ReturnType<typeof refuseSaves> | undefined
    const handle = open().handle({ ...OPTIONS, onGap: tellGap }, (event) => {
      saves ??= refuseSaves()
      tell(event)
    })
    await vi.waitFor(() => expect(saves?.refused()).toBeGreaterThan(0), PATIENT)
    await closes(handle)
    expect(told).toEqual([0])
    saves?.accept()
    await nextIsTold(0, 'bulk')
  })

  it('for a log that is away after a gap was told', async () => {
    await log.append([...noteEntries(1), noteMark(1)])
    let saves: ReturnType<typeof refuseSaves> | undefined
    const onGap = (gap: { reason: string }): void => {
      saves ??= refuseSaves()
      tellGap(gap)
    }
    const handle = open().handle({ ...OPTIONS, onGap }, tell)
    await vi.waitFor(() => expect(saves?.refused()).toBeGreaterThan(0), PATIENT)
    await closes(handle)
    expect(told).toEqual([0, 'bulk'])
    saves?.accept()
    await nextIsTold('bulk')
  })

  it('longer than it may for a handler that a gap waits for', async () => {
    await log.append([...noteEntries(1), noteMark(1)])
    const handle = open().handle({ ...OPTIONS, onGap: tellGap }, (event) => {
      tell(event)
      return never
    })
    await isTold(0)
    await closes(handle)
    await nextIsTold(0, 'bulk')
  })

  it('longer than it may for who takes care of a gap', async () => {
    await log.append([noteMark(0), ...noteEntries(1, 1)])
    const onGap = (gap: { reason: string }): Promise<void> => {
      tellGap(gap)
      return never
    }
    const handle = open().handle({ ...OPTIONS, onGap }, tell)
    await isTold('bulk')
    await closes(handle)
    await nextIsTold('bulk', 1)
  })

  it('for room that its handlers do not make', async () => {
    await log.append(noteEntries(3))
    const handle = open({ limits: { maxAhead: 1 } }).handle(OPTIONS, (event) => {
      tell(event)
      return never
    })
    await isTold(0)
    await closes(handle)
    await nextIsTold(0, 1, 2)
  })

  it('for the schema to begin with', async () => {
    await log.append(noteEntries(1))
    const dataModel = vi.fn(() => never)
    const handle = open({ dataModel }).handle(OPTIONS, tell)
    await vi.waitFor(() => expect(dataModel).toHaveBeenCalled(), PATIENT)
    await closes(handle)
    await nextIsTold(0)
  })

  it('for a schema that changed', async () => {
    await log.append([...noteEntries(1), noteMark(1, 'schema'), noteMark(2), ...noteEntries(1, 3)])
    let asked = 0
    const handle = open({ dataModel: () => (asked++ === 0 ? noteData : never) }).handle(OPTIONS, tell)
    await vi.waitFor(() => expect(asked).toBe(2), PATIENT)
    await isTold(0)
    await closes(handle)
    await nextIsTold('bulk', 3)
  })

  it('for a filter that asks the database', async () => {
    await log.append(noteEntries(2))
    const { $schema, $options } = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool: new pg.Pool() }) })
    const findFirst = vi.fn(() => never)
    const client: StreamClient = { $schema, $options, $unuseAll: () => ({ user: { findFirst } }) }
    const handle = open({ client }).handle({ ...OPTIONS, created: { owner: { name: 'Ann' } } }, tell)
    await vi.waitFor(() => expect(findFirst).toHaveBeenCalled(), PATIENT)
    await closes(handle)
    expect(told).toEqual([])
    await nextIsTold(0, 1)
  })
})

describe('what runs when a stream is closed', () => {
  it('is finished in the time it may take: a handler, and who takes care of a gap', async () => {
    await log.append([...noteEntries(1), noteMark(1), ...noteEntries(1, 2)])
    for (const last of [0, 'bulk']) {
      const { promise, resolve } = Promise.withResolvers<void>()
      told = []
      const onGap = (gap: { reason: string }): Promise<void> => {
        tellGap(gap)
        return promise
      }
      const handler = (event: { created: { rank: number } }): Promise<void> => {
        tell(event)
        return promise
      }
      const handle = open({ limits: { drainMs: 30_000 } }).handle({ ...OPTIONS, onGap }, handler)
      await isTold(last)
      const closed = handle.close()
      await new Promise((turn) => setImmediate(turn))
      resolve()
      await closed
    }
    await nextIsTold(2)
  })

  it('begins no pause when it fails: nobody would wait for its end', async () => {
    await log.append(noteEntries(1))
    const { promise, reject } = Promise.withResolvers<void>()
    const backoff = vi.fn(() => 60_000)
    const onFailure = vi.fn<() => void>()
    const handler = (event: { created: { rank: number } }): Promise<void> => {
      tell(event)
      return promise
    }
    const handle = open({ limits: { drainMs: 30_000 } }).handle(OPTIONS, handler, { backoff, onFailure })
    await isTold(0)
    const closed = handle.close()
    reject(new Error('interrupted'))
    await closed
    expect([onFailure.mock.calls.length, backoff.mock.calls.length]).toEqual([1, 0])
    await nextIsTold(0)
  })
})
