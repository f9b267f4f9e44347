import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedLog } from '@zenstack-live/change-log'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createStreams, type Streams } from '../src/index.ts'
import { noteEntries } from './support/note-entries.ts'
import { noteData } from './support/note-model.ts'

const PATIENT = { timeout: 30_000, interval: 5 }
const mistake = (): never => {
  throw new Error('a mistake')
}

let directory: string
let log: Awaited<ReturnType<typeof openEmbeddedLog>>
let streams: Streams<typeof schema>
let warnings: string[]

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'zenstack-live-callbacks-'))
  log = await openEmbeddedLog({ directory })
  await log.append(noteEntries(3))
  warnings = []
  streams = createStreams<typeof schema>({
    log,
    client: new ZenStackClient(schema, { dialect: new PostgresDialect({ pool: new pg.Pool({ host: '127.0.0.1', port: 1 }) }) }),
    dataModel: () => noteData,
    limits: { maxBackoffMs: 1 },
    onWarning: (message) => void warnings.push(message),
  })
})
afterEach(async () => {
  await streams.close()
  await log.close()
  rmSync(directory, { recursive: true, force: true })
})

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
