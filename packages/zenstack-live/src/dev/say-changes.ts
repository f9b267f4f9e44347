import type { ChangeLog } from '@zenstack-live/change-log'
import { FIRST_ENTRY_ID } from '@zenstack-live/protocol'
import { describeEntry } from '../commands/describe-entry.ts'
import type { Style } from '../commands/style.ts'

/** Says each change from now on, without values: that something comes at all is what a newcomer wants to see. Ends with the signal. */
export async function sayChanges(log: ChangeLog, say: (line: string) => void, style: Style, signal: AbortSignal): Promise<void> {
  const { newest = FIRST_ENTRY_ID } = await log.state()
  for await (const entries of log.tail(newest, { signal }))
    for (const entry of entries) if (entry.kind === 'change' || entry.kind === 'bulk') say(`${style.good('●')} ${describeEntry(entry, style, false)}`)
}
