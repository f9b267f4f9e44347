import type { ChangeLog } from '@zenstack-live/change-log'
import { createDataModel, readCatalog, type DataModel } from '@zenstack-live/model'
import { makeEntryId, parseLsn, type LogBatch, type LogEntry } from '@zenstack-live/protocol'
import { createDatabase, openPool } from '@zenstack-live/testing'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import type pg from 'pg'

export interface NoteDatabase {
  data: DataModel
  client: ReturnType<typeof openClient>
  close(): Promise<void>
}

/** The workspace's tables, for their types: the notes themselves are written into the log. */
export async function openNoteDatabase(serverUrl: string): Promise<NoteDatabase> {
  const pool = openPool({ connectionString: await createDatabase(serverUrl), max: 4 })
  const client = openClient(pool)
  await client.$pushSchema()
  for (const table of Object.keys(schema.models)) await pool.query(`ALTER TABLE "${table}" REPLICA IDENTITY FULL`)
  const catalog = await readCatalog(async (sql, parameters = []) => (await pool.query<Record<string, unknown>>(sql, parameters)).rows)
  return { data: createDataModel(schema, catalog), client, close: () => pool.end() }
}

/** As many created notes as are asked for, one transaction each, as the capture writes them. */
export async function writeNotes(log: ChangeLog, from: number, count: number): Promise<void> {
  const batches: LogBatch[] = []
  for (let index = from; index < from + count; index++) {
    batches.push({ entries: [noteEntry(index)] })
    if (batches.length === 1000) await log.append(batches.splice(0))
  }
  await log.append(batches)
}

export type NoteRow = ReturnType<typeof noteRow>

/** As Postgres and the capture write it. */
export function noteRow(index: number) {
  return {
    id: index,
    ownerId: `user-${index % 97}`,
    body: `Note number ${index}, long enough to look like something that a person wrote down in passing`,
    isPublic: index % 2 === 0,
    rank: index,
    size: index * 3,
    score: '12.50',
    at: 1_795_302_218_295,
    data: '{"kind":"note","tags":["a","b"]}',
    tags: ['alpha', 'beta'],
    secret: null,
  }
}

/** @param before - what an update found; `null`: the note is created */
export function noteEntry(index: number, after = noteRow(index), before: NoteRow | null = null): LogEntry {
  const lsn = parseLsn(String(1000 + index * 100))
  const ms = 1_795_302_218_295 + index
  const source = `{"version":"3.7.0","connector":"postgresql","name":"zenstack","ts_ms":${ms},"snapshot":"false","db":"app","sequence":"[null,\\"${lsn}\\"]","ts_us":${ms}000,"ts_ns":${ms}000000,"schema":"public","table":"Note","txId":${index},"lsn":${lsn},"xmin":null}`
  return {
    kind: 'change',
    id: makeEntryId(1, lsn, 1),
    lsn,
    xid: index,
    isLastOfTransaction: true,
    key: `{"id":${after.id}}`,
    value: `{"before":${JSON.stringify(before)},"after":${JSON.stringify(after)},"source":${source},"transaction":null,"op":"${before === null ? 'c' : 'u'}","ts_ms":${ms},"ts_us":${ms}000,"ts_ns":${ms}000000}`,
  }
}

function openClient(pool: pg.Pool) {
  return new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) })
}
