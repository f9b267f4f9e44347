import { FIRST_ENTRY_ID, formatLsn, parseChangeEnvelope, parseEntryId, type EntryId, type LogEntry } from '@zenstack-live/protocol'
import { openRedisLog } from '@zenstack-live/change-log'
import { EXIT_CODES, type Command } from './command.ts'
import { describeEntry } from './describe-entry.ts'
import { parseOptions, readConfig, UsageError } from './parse-options.ts'
import { createStyle } from './style.ts'

export const command: Command = {
  summary: 'Prints changes as they arrive in the change log.',
  usage: `Usage: zenstack-live tail [--from <id> | --from start] [--table <name>]… [--no-follow] [--values] [--config <file>] [--json]

  --from       an entry id, or "start"; by default only what comes from now on
  --table      only this table, as "task" or "public.task"; may be repeated
  --no-follow  end at the newest entry
  --values     print values; by default only keys and the names of changed columns
  --json       each entry as one line of JSON, with its values`,
  async run(context) {
    const { values } = parseOptions(context, {
      from: { type: 'string' },
      table: { type: 'string', multiple: true },
      'no-follow': { type: 'boolean', default: false },
      values: { type: 'boolean', default: false },
    })
    const config = await readConfig(context, values.config)
    if (config.redis === undefined) throw new UsageError('Without Redis the log can only be read by the process that serves it. Set REDIS_URL.')
    const log = await openRedisLog({ ...config.redis, onWarning: context.note })
    const style = createStyle(context.hasColors)
    const show = (entry: LogEntry): void => {
      if (!isWanted(entry, values.table)) return
      context.print(values.json ? jsonLine(entry) : `${style.dim(entry.id)} ${describeEntry(entry, style, values.values)}`)
    }
    try {
      const { newest = FIRST_ENTRY_ID } = await log.state()
      let after = startOf(values.from, newest)
      if (values['no-follow']) {
        for (;;) {
          const page = await log.read(after, { until: newest })
          page.forEach(show)
          const last = page.at(-1)
          if (last === undefined) return EXIT_CODES.ok
          after = last.id
        }
      }
      for await (const page of log.tail(after, { signal: context.signal })) page.forEach(show)
      return EXIT_CODES.ok
    } finally {
      await log.close()
    }
  },
}

function startOf(from: string | undefined, newest: EntryId): EntryId {
  if (from === undefined) return newest
  return from === 'start' ? FIRST_ENTRY_ID : parseEntryId(from)
}

function isWanted(entry: LogEntry, tables: readonly string[] | undefined): boolean {
  if (tables === undefined || tables.length === 0) return true
  if (entry.kind === 'bulk') return entry.tables.some((name) => tables.includes(name) || tables.includes(name.slice(name.indexOf('.') + 1)))
  if (entry.kind !== 'change') return false
  const { schema, table } = parseChangeEnvelope(entry.value).source
  return tables.includes(table) || tables.includes(`${schema}.${table}`)
}

function jsonLine(entry: LogEntry): string {
  const lsn = formatLsn(entry.lsn)
  if (entry.kind !== 'change') return JSON.stringify({ ...entry, lsn })
  // The texts are JSON already; parsing them would round numbers beyond 2^53.
  const { id, kind, xid, isLastOfTransaction } = entry
  const head = JSON.stringify({ id, lsn, kind, xid, isLastOfTransaction }).slice(0, -1)
  return `${head},"key":${entry.key ?? 'null'},"value":${entry.value}}`
}
