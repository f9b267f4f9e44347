import { formatLsn, parseChangeEnvelope, type ChangeEntry, type LogEntry } from '@zenstack-live/protocol'
import type { Style } from './style.ts'

const VERBS: Readonly<Record<string, string>> = { c: 'create', u: 'update', d: 'delete', r: 'read', t: 'truncate', m: 'message' }

/** What an entry of the log says, on one line. Of a change its key and the names of what changed, or also its values. */
export function describeEntry(entry: LogEntry, style: Style, hasValues: boolean): string {
  switch (entry.kind) {
    case 'change':
      return `${changeText(entry, style, hasValues)}${entry.isLastOfTransaction ? '' : style.dim(' …')}`
    case 'progress':
      return style.dim(`progress ${formatLsn(entry.lsn)}`)
    case 'epoch':
      return style.bad(`epoch ${entry.epoch}: ${entry.reason}`)
    default:
      return `${style.caution(entry.reason === 'schema' ? 'schema changed' : 'too large to keep')}: ${entry.tables.join(', ')}`
  }
}

function changeText(entry: ChangeEntry, style: Style, hasValues: boolean): string {
  const { op, before, after, source } = parseChangeEnvelope(entry.value)
  const verb = (VERBS[op] ?? op).padEnd(8)
  const paint = op === 'c' ? style.good : op === 'd' || op === 't' ? style.bad : style.caution
  const changed =
    op === 'u' && before !== null && after !== null
      ? Object.keys(after).filter((name) => JSON.stringify(after[name]) !== JSON.stringify(before[name]))
      : []
  const shown = hasValues
    ? JSON.stringify(op === 'u' ? Object.fromEntries(changed.map((name) => [name, after?.[name]])) : (after ?? before))
    : changed.join(', ')
  return `${paint(verb)} ${style.strong(`${source.schema}.${source.table}`)} ${entry.key ?? ''} ${shown}`.trimEnd()
}
