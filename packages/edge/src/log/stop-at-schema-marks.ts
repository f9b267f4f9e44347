import type { ChangeLog } from '@zenstack-live/change-log'
import type { LogEntry } from '@zenstack-live/protocol'

/**
 * The same log, whose tail stops behind every mark that says that tables may have changed, until it is known whether a reader that knows
 * the tables as they were can go on. What follows the mark may have other columns. It stops where it begins, too: a reader that begins has
 * passed over marks, in what it read ahead, or in what it lost.
 *
 * @param mayGoOn - asked after the mark was taken; when it says no, nothing follows
 */
export function stopAtSchemaMarks(log: ChangeLog, mayGoOn: (signal: AbortSignal) => Promise<boolean>): ChangeLog {
  const untilSure = async (signal: AbortSignal): Promise<void> => {
    if (!(await mayGoOn(signal))) await untilAborted(signal)
  }
  async function* tail(...[after, options]: Parameters<ChangeLog['tail']>): AsyncGenerator<readonly LogEntry[]> {
    const { signal } = options
    await untilSure(signal)
    if (signal.aborted) return
    for await (const page of log.tail(after, options)) {
      let rest = page
      for (let at = rest.findIndex(isSchemaMark); at >= 0; at = rest.findIndex(isSchemaMark)) {
        yield rest.slice(0, at + 1)
        await untilSure(signal)
        if (signal.aborted) return
        rest = rest.slice(at + 1)
      }
      if (rest.length > 0) yield rest
    }
  }
  return new Proxy(log, {
    get(target, name) {
      if (name === 'tail') return tail
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

/** A capture that begins an epoch sees the tables for the first time: it marks no change of theirs. */
function isSchemaMark(entry: LogEntry): boolean {
  return entry.kind === 'epoch' || (entry.kind === 'bulk' && entry.reason === 'schema')
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
}
