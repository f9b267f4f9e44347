import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedLog } from '@zenstack-live/change-log'
import { readCatalog, type DataModel } from '@zenstack-live/model'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import pg from 'pg'
import { expect, it, vi } from 'vitest'
import { createStreams } from '../src/index.ts'
import { openCutDatabase } from './support/cut-database.ts'
import { noteEntries } from './support/note-entries.ts'
import { noteData } from './support/note-model.ts'

it('a stream whose filter asks the database waits for it, and keeps its place', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-away-'))
  const log = await openEmbeddedLog({ directory })
  const client = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool: new pg.Pool({ host: '127.0.0.1', port: 1 }) }) })
  const warnings: string[] = []
  let isAway = true
  const streams = createStreams<typeof schema>({
    log,
    client,
    dataModel: async () => {
      if (isAway) throw Object.assign(new Error('the server starts up'), { code: '57P03' })
      return noteData
    },
    limits: { standbyPollMs: 10 },
    onWarning: (message) => void warnings.push(message),
  })
  await log.append(noteEntries(2))
  const ranks: number[] = []
  const plain = streams.handle({ model: 'Note', id: 'plain', start: 'beginning', created: {} }, ({ created }) => void ranks.push(created.rank))
  const asking = streams.handle({ model: 'Note', id: 'asking', start: 'beginning', created: { owner: { name: 'Ann' } } }, () => undefined)
  const count = (id: string): number => warnings.filter((message) => message.startsWith(`The stream "${id}" cannot reach the database`)).length
  await vi.waitFor(() => expect(Math.min(count('plain'), count('asking'))).toBeGreaterThan(1), { timeout: 30_000, interval: 5 })
  isAway = false
  await vi.waitFor(() => expect(ranks).toEqual([0, 1]), { timeout: 30_000, interval: 5 })
  // The filter itself goes on asking in vain.
  const before = count('asking')
  await vi.waitFor(() => expect(count('asking')).toBeGreaterThan(before), { timeout: 30_000, interval: 5 })
  await Promise.all([plain.close(), asking.close()])
  await expect(Promise.all([plain.ended, asking.ended])).resolves.toEqual([undefined, undefined])
  await streams.close()
  await log.close()
  rmSync(directory, { recursive: true, force: true })
})

it('a stream goes on after connections that broke in the middle of a query', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-cut-'))
  const log = await openEmbeddedLog({ directory })
  const database = await openCutDatabase()
  const pool = new pg.Pool({ host: '127.0.0.1', port: database.port, max: 1 })
  pool.on('error', () => undefined)
  pool.on('connect', (connection) => connection.on('error', () => undefined))
  let isCatalogCut = true
  const dataModel = async (): Promise<DataModel> => {
    if (isCatalogCut) await readCatalog(async (sql, parameters) => (await pool.query<Record<string, unknown>>(sql, parameters)).rows)
    return noteData
  }
  const warnings: string[] = []
  const streams = createStreams<typeof schema>({
    log,
    client: new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) }),
    dataModel,
    limits: { standbyPollMs: 10 },
    onWarning: (message) => void warnings.push(message),
  })
  await log.append(noteEntries(2))
  const ranks: number[] = []
  const options = { model: 'Note', id: 'asking', start: 'beginning', created: { owner: { isNot: { name: 'Ann' } } } } as const
  const asking = streams.handle(options, ({ created }) => void ranks.push(created.rank))
  const count = (): number => warnings.filter((message) => message.startsWith('The stream "asking" cannot reach the database')).length
  await vi.waitFor(() => expect(count()).toBeGreaterThan(1), { timeout: 30_000, interval: 5 })
  isCatalogCut = false
  const before = count()
  // One more may still be the catalog's.
  await vi.waitFor(() => expect(count()).toBeGreaterThan(before + 1), { timeout: 30_000, interval: 5 })
  expect(ranks).toEqual([])
  database.isBack = true
  await vi.waitFor(() => expect(ranks).toEqual([0, 1]), { timeout: 30_000, interval: 5 })
  await asking.close()
  await expect(asking.ended).resolves.toBeUndefined()
  await streams.close()
  await pool.end()
  await database.close()
  await log.close()
  rmSync(directory, { recursive: true, force: true })
})
