import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setUpCapture, startCapture, type Capture } from '@zenstack-live/cdc'
import { openEmbeddedLog, type ChangeLog } from '@zenstack-live/change-log'
import { createDataModel, readCatalog, type DataModel } from '@zenstack-live/model'
import { createDatabase, type Services } from '@zenstack-live/testing'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import pg from 'pg'
import { inject } from 'vitest'
import { createStreams, type StreamLimits, type Streams } from '../../src/index.ts'

export type WorkspaceStreams = Streams<typeof schema>

/** The workspace schema on a real database, captured into a log. */
export interface Lab {
  db: ReturnType<typeof openClient>
  log: ChangeLog
  sql(text: string, parameters?: unknown[]): Promise<Record<string, unknown>[]>
  /** Streams as one process has them. */
  process(limits?: Partial<StreamLimits>): WorkspaceStreams
  dataModel(): DataModel
  /** For a stream, and for the rows of its test. */
  freshName(): string
  /** Resolves when everything committed so far is in the log. */
  caughtUp(): Promise<void>
  close(): Promise<void>
}

export async function openLab(): Promise<Lab> {
  const serverUrl: Services['postgresUrl'] = inject('postgresUrl')
  const url = await createDatabase(serverUrl)
  const pool = new pg.Pool({ connectionString: url, max: 5 })
  pool.on('error', () => undefined)
  const db = openClient(pool)
  await db.$pushSchema()
  await db.user.create({ data: { id: 'ann', name: 'Ann', role: 'MANAGER' } })
  const sql: Lab['sql'] = async (text, parameters = []) => (await pool.query<Record<string, unknown>>(text, parameters)).rows
  const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-streams-'))
  const log = await openEmbeddedLog({ directory })
  const tables = ['Note', 'Task', 'User', 'Space', 'Member', 'Comment'].map((name) => ({ schema: 'public', name }))
  const slot = `lab_${new URL(url).pathname.slice(-12)}`
  await setUpCapture({ url, tables, slot, publication: slot })
  const capture = captureInto(log, { url, tables, slot })
  const data = createDataModel(schema, await readCatalog(sql))
  const all: WorkspaceStreams[] = []
  let names = 0
  return {
    db,
    log,
    sql,
    dataModel: () => data,
    freshName: () => `name-${++names}`,
    process(limits = {}) {
      const streams = createStreams<typeof schema>({ log, client: db, dataModel: () => data, limits: { standbyPollMs: 50, ...limits } })
      all.push(streams)
      return streams
    },
    caughtUp: () => capture.caughtUp(),
    async close() {
      await Promise.all(all.map((streams) => streams.close()))
      await capture.close()
      await log.close()
      await sql('SELECT pg_drop_replication_slot($1)', [slot]).catch(() => undefined)
      await pool.end()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function captureInto(log: ChangeLog, options: { url: string; tables: { schema: string; name: string }[]; slot: string }): Capture {
  return startCapture({
    ...options,
    publication: options.slot,
    sink: {
      async state() {
        const { epoch, newestLsn } = await log.state()
        return { epoch, lsn: newestLsn, memory: await log.notes.get('capture') }
      },
      write: (batches) => log.append(batches),
      remember: (text) => log.notes.set('capture', text),
    },
  })
}

function openClient(pool: pg.Pool) {
  return new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) })
}
