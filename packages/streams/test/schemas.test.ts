import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedLog } from '@zenstack-live/change-log'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { createStreams } from '../src/index.ts'
import { noteEntries } from './support/note-entries.ts'
import { createNoteData } from './support/note-model.ts'

describe('a model whose table lies in another schema of Postgres', () => {
  it('is streamed from there, and not from a table of the same name', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-schemas-'))
    const log = await openEmbeddedLog({ directory })
    const client = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool: new pg.Pool({ host: '127.0.0.1', port: 1 }) }) })
    const data = createNoteData('archive')
    const streams = createStreams<typeof schema>({ log, client, dataModel: () => data })
    await log.append([...noteEntries(3), ...noteEntries(2, 3, 'archive')])
    const ranks: number[] = []
    for await (const event of streams.stream({ model: 'Note', id: 'mail', start: 'beginning', created: {} })) {
      ranks.push(event.created.rank)
      if (ranks.length === 2) break
    }
    expect(ranks).toEqual([3, 4])
    await streams.close()
    await log.close()
    rmSync(directory, { recursive: true })
  })
})
