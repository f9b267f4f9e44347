import type { ChangeLog } from '@zenstack-live/change-log'
import { FIRST_ENTRY_ID, parseChangeEnvelope, type ChangeEntry } from '@zenstack-live/protocol'
import type { Style } from '../commands/style.ts'

const VERBS: Readonly<Record<string, string>> = { c: 'created', u: 'updated', d: 'deleted', t: 'truncated' }

/** Says each change from now on, without values: that something comes at all is what a newcomer wants to see. Ends with the signal. */
export async function sayChanges(log: ChangeLog, say: (line: string) => void, style: Style, signal: AbortSignal): Promise<void> {
  const { newest = FIRST_ENTRY_ID } = await log.state()
  for await (const entries of log.tail(newest, { signal })) for (const entry of entries) if (entry.kind === 'change') say(changeLine(entry, style))
}

function changeLine({ key, value }: ChangeEntry, style: Style): string {
  const { op, source } = parseChangeEnvelope(value)
  return `${style.good('●')} ${source.table} ${key ?? ''} ${VERBS[op] ?? op}`
}
