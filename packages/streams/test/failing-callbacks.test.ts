import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedLog } from '@zenstack-live/change-log'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import pg from 'pg'
import { describe, expect, it, vi } from 'vitest'
import { createStreams } from '../src/index.ts'
import { noteEntries } from './support/note-entries.ts'
import { noteData } from './support/note-model.ts'

describe('a mistake beside the handler', () => {
  it('is said, and costs no delivery', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-callbacks-'))
    const log = await openEmbeddedLog({ directory })
    await log.append(noteEntries(3))
    const client = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool: new pg.Pool({ host: '127.0.0.1', port: 1 }) }) })
    const warnings: string[] = []
    const streams = createStreams<typeof schema>({
      log,
      client,
      dataModel: () => noteData,
      limits: { maxBackoffMs: 1 },
      onWarning: (message) => void warnings.push(message),
    })
    const told: [rank: number, delivery: number][] = []
    const mistake = (): never => {
      throw new Error('a mistake')
    }
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
    await vi.waitFor(() => expect(told.map(String).toSorted()).toEqual(['0,1', '1,1', '1,2', '2,1', '2,2']), { timeout: 30_000, interval: 5 })
    await vi.waitFor(async () => expect((await log.readers.list())[0]?.cursor).toBe((await log.state()).newest), { timeout: 30_000, interval: 5 })
    expect(warnings.map((warning) => /`\w+`/.exec(warning)?.[0])).toEqual(['`onFailure`', '`backoff`', '`onFailure`', '`backoff`'])
    await streams.close()
    await log.close()
    rmSync(directory, { recursive: true, force: true })
  })
})
