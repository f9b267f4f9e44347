import type { ChangeLog } from '@zenstack-live/change-log'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import pg from 'pg'
import { createStreams, type StreamLimits, type Streams } from '../../src/index.ts'
import { noteData } from './note-model.ts'

/** Streams as one process has them, whose filters never ask the database. */
export function noteStreams(log: ChangeLog, limits: Partial<StreamLimits> = {}, warnings: string[] = [], data = noteData): Streams<typeof schema> {
  const client = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool: new pg.Pool({ host: '127.0.0.1', port: 1 }) }) })
  return createStreams<typeof schema>({
    log,
    client,
    dataModel: () => data,
    limits: { standbyPollMs: 20, ...limits },
    onWarning: (message) => void warnings.push(message),
  })
}
