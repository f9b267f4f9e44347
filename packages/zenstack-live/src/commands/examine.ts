import type { CaptureInspection } from '@zenstack-live/cdc'
import { captureTarget, readCaptured } from '../capture-target.ts'
import { inspectDatabase } from '../inspect-database.ts'
import type { LoadedConfig } from '../load-config.ts'
import { inspectLog } from './inspect-log.ts'
import { refusedModels } from './refused-models.ts'
import { secretFields } from './secret-fields.ts'
import { formatBytes } from './style.ts'

/** One finding of the doctor. */
export interface Finding {
  severity: 'ok' | 'warning' | 'error'
  /** What it is about: `postgres`, `schema`, `log`. */
  area: string
  message: string
  cure?: string
}

/** Looks at the database, the schema and the change log. Changes nothing. */
export async function examine(config: LoadedConfig): Promise<Finding[]> {
  const target = captureTarget(config)
  // The server first: without it there is no schema to hold the tables against.
  const alone = await inspectDatabase(config, target, [])
  if (alone.server === undefined) return [...databaseFindings(config, alone), ...(await inspectLog(config))]
  const { data, tables } = await readCaptured(config, target.url)
  const inspection = await inspectDatabase(config, target, tables)
  // The tables of the capture are looked at above; here are the models that have none to look at.
  const refused = refusedModels(data, tables).map((model): Finding => ({ severity: 'error', area: 'schema', ...model }))
  const secrets = secretFields(data, tables)
  return [
    ...databaseFindings(config, inspection),
    ...(refused.length === 0 ? [{ severity: 'ok', area: 'schema', message: `All ${data.models.size} models can be live.` } as const] : refused),
    ...secrets,
    ...(await inspectLog(config)),
  ]
}

function databaseFindings({ capture }: LoadedConfig, { server, slot, publication, problems }: CaptureInspection): Finding[] {
  const findings: Finding[] = []
  const ok = (message: string): number => findings.push({ severity: 'ok', area: 'postgres', message })
  const has = (kinds: string[]): boolean => problems.some(({ kind }) => kinds.includes(kind))
  if (server !== undefined) {
    ok(`Postgres ${server.version}, database "${server.database}", role "${server.user}"${server.isStandby ? ', a standby' : ''}.`)
    if (!has(['wal_level', 'replication_role', 'server_version'])) {
      const reader = capture === false ? '; another program does (`capture: false`)' : ', and the role may replicate'
      ok(`Changes can be read: wal_level is logical${reader}.`)
    }
  }
  if (publication !== undefined && !has(['publication_table', 'publication_options']))
    ok(`The publication covers all ${publication.tables.size} tables.`)
  if (slot !== undefined && !has(['slot_lost', 'slot_foreign']) && (slot.isActive || capture !== false)) {
    ok(`The slot "${slot.name}" ${slot.isActive ? 'is being read' : 'waits for a capture'}; it holds back ${formatBytes(slot.retainedBytes)} of WAL.`)
  }
  return [...findings, ...problems.map(({ severity, message, cure }) => ({ severity, area: 'postgres', message, cure }))]
}
