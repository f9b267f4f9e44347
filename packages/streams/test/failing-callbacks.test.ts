import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedLog } from '@zenstack-live/change-log'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createStreams, type Streams, type StreamsDeps } from '../src/index.ts'
import { noteEntries } from './support/note-entries.ts'
import { noteData } from './support/note-model.ts'

const PATIENT = { timeout: 30_000, interval: 5 }
const mistake = (): never => {
  throw new Error('a mistake')
}
const asyncMistake = async (): Promise<void> => mistake()
const away = (): Error => Object.assign(new Error('away'), { code: 'log_unavailable' })
const OPTIONS = { model: 'Note', id: 'mail', start: 'beginning', created: {} } as const
const note = (reason: unknown): void => void unhandled.push(reason)

let directory: string
let log: Awaited<ReturnType<typeof openEmbeddedLog>>
let streams: Streams<typeof schema>
let warnings: string[]
/** Each of these ends a process. */
let unhandled: unknown[]

beforeEach(async () => {
  unhandled = []
  process.on('unhandledRejection', note)
  directory = mkdtempSync(join(tmpdir(), 'zenstack-live-callbacks-'))
  log = await openEmbeddedLog({ directory })
  await log.append(noteEntries(3))
  warnings = []
  streams = open({ onWarning: (message) => void warnings.push(message) })
})
afterEach(async () => {
  process.off('unhandledRejection', note)
  await streams.close()
  await log.close()
  rmSync(directory, { recursive: true, force: true })
})

function open(deps: Pick<StreamsDeps, 'onWarning'> & Partial<StreamsDeps>): Streams<typeof schema> {
  return createStreams<typeof schema>({
    log,
    client: new ZenStackClient(schema, { dialect: new PostgresDialect({ pool: new pg.Pool({ host: '127.0.0.1', port: 1 }) }) }),
    dataModel: () => noteData,
    limits: { maxBackoffMs: 1, standbyPollMs: 10 },
    ...deps,
  })
}

/** Resolves when everything is handled, the place says so, and nothing was left that ends the process. */
async function allHandled(): Promise<void> {
  await vi.waitFor(async () => expect((await log.readers.list())[0]?.cursor).toBe((await log.state()).newest), PATIENT)
  await new Promise((resolve) => setImmediate(resolve))
  expect(unhandled).toEqual([])
}

describe('a mistake beside the handler', () => {
  it('is said, and costs no delivery', async () => {
    const told: [rank: number, delivery: number][] = []
    streams.handle(
      { model: 'Note', id: 'mail', start: 'beginning', created: {} },
      ({ created }, { delivery }) => {
        told.push([created.rank, delivery])
        // Some wait, some do not; some fail.
        if (created.rank === 1 && delivery === 1) mistake()
        return created.rank === 2 && delivery === 1 ? Promise.reject(new Error('busy')) : undefined
      },
      { backoff: mistake, onFailure: mistake },
    )
    await vi.waitFor(() => expect(told.map(String).toSorted()).toEqual(['0,1', '1,1', '1,2', '2,1', '2,2']), PATIENT)
    await vi.waitFor(async () => expect((await log.readers.list())[0]?.cursor).toBe((await log.state()).newest), PATIENT)
    expect(warnings.map((warning) => /`\w+`/.exec(warning)?.[0])).toEqual(['`onFailure`', '`backoff`', '`onFailure`', '`backoff`'])
  })

  it('is said also where a function is async that need not be', async () => {
    const told: [rank: number, delivery: number][] = []
    const handler = ({ created }: { created: { rank: number } }, { delivery }: { delivery: number }): void => {
      told.push([created.rank, delivery])
      if (created.rank === 1 && delivery < 3) mistake()
    }
    const backoff = asyncMistake as unknown as () => number
    streams.handle(OPTIONS, handler, { backoff, onFailure: asyncMistake })
    await vi.waitFor(() => expect(told.map(String).toSorted()).toEqual(['0,1', '1,1', '1,2', '1,3', '2,1']), PATIENT)
    await allHandled()
    expect(warnings.toSorted()).toEqual([
      '`backoff` of the stream "mail" failed: TypeError: A pause is a number of milliseconds, not [object Promise].',
      '`backoff` of the stream "mail" failed: TypeError: A pause is a number of milliseconds, not [object Promise].',
      '`onFailure` of the stream "mail" failed: Error: a mistake',
      '`onFailure` of the stream "mail" failed: Error: a mistake',
    ])
  })
})

describe.each([
  ['throws', mistake],
  ['rejects', asyncMistake],
])('a warning of which nobody takes care, for `onWarning` %s,', (_, fail) => {
  let calls: number
  // No mock: those hold what they return, so that no rejection of theirs is unhandled.
  const onWarning = (): unknown => {
    calls++
    return fail()
  }
  beforeEach(() => {
    calls = 0
    streams = open({ onWarning })
  })
  afterEach(() => vi.restoreAllMocks())

  it('keeps no place from being saved', async () => {
    vi.spyOn(log.readers, 'save').mockRejectedValueOnce(away())
    streams.handle(OPTIONS, () => undefined)
    await allHandled()
    expect(calls).toBe(1)
  })

  it('ends no stream whose log was away', async () => {
    vi.spyOn(log.readers, 'list').mockRejectedValueOnce(away())
    streams.handle(OPTIONS, () => undefined)
    await allHandled()
    expect(calls).toBe(1)
  })

  it('ends no stream whose database was away', async () => {
    const dataModel = vi.fn(() => noteData).mockRejectedValueOnce(Object.assign(new Error('the server starts up'), { code: '57P03' }))
    streams = open({ onWarning, dataModel })
    streams.handle(OPTIONS, () => undefined)
    await allHandled()
    expect(calls).toBe(1)
  })

  it('leaves nothing behind of a stream that ended', async () => {
    const broken = vi.fn(() => noteData).mockRejectedValue(new Error('broken'))
    streams = open({ onWarning, dataModel: broken })
    await expect(streams.handle(OPTIONS, () => undefined).ended).rejects.toThrow('broken')
    await new Promise((resolve) => setImmediate(resolve))
    expect(calls).toBe(1)
    expect(unhandled).toEqual([])
  })
})

describe('a handler that fails', () => {
  it('is said in the log, where nobody else is told', async () => {
    const settings = { model: 'Note', id: 'mail', start: 'beginning', created: { rank: 1 } } as const
    streams.handle(settings, mistake, { maxDeliveries: 2 })
    await vi.waitFor(() => expect(warnings).toHaveLength(2), PATIENT)
    expect(warnings).toEqual([
      expect.stringMatching(/^The handler of "mail" failed at \S+: Error: a mistake\. Delivery 1 of 2; it is tried again\.$/),
      expect.stringMatching(/^The handler of "mail" failed at \S+: Error: a mistake\. It is a dead letter now: `zenstack-live streams` lists it\.$/),
    ])
  })
})

describe('what a handler throws that has no text', () => {
  const noText = 'an error that cannot be made text'
  it.each([
    ['an object without a prototype', Object.create(null) as unknown, noText],
    ['an object whose text is a mistake', { toString: mistake }, noText],
    ['an error whose stack is none', Object.assign(new Error('stackless'), { stack: 42 }), 'Error: stackless'],
  ])('is a dead letter like any other: %s', async (_, thrown, text) => {
    const handler = ({ created }: { created: { rank: number } }): Promise<void> | undefined => {
      // Some wait, some do not.
      if (created.rank === 0) throw thrown
      return created.rank === 1 ? Promise.reject(thrown) : undefined
    }
    streams.handle(OPTIONS, handler, { maxDeliveries: 1 })
    await allHandled()
    await vi.waitFor(async () => expect((await streams.admin.deadLetters('mail')).map(({ error }) => error)).toEqual([text, text]), PATIENT)
    expect(warnings).toHaveLength(2)
  })
})

describe('options that types would not let through', () => {
  it('are refused with what to write', async () => {
    const untyped = streams.handle.bind(streams) as unknown as (options: object, handler: () => void) => { ended: Promise<void> }
    expect(() => untyped({ model: 'Note', id: 'mail', created: true }, mistake)).toThrow(
      '`created` of the stream "mail" is a filter, such as {}, not true.',
    )
    const { ended } = untyped({ model: 'note', id: 'mail', created: {} }, mistake)
    await expect(ended).rejects.toThrow('There is no model "note" to stream. Did you mean "Note"?')
  })
})
