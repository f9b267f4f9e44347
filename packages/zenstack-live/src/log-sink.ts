import type { CaptureSink } from '@zenstack-live/cdc'
import type { ChangeLog } from '@zenstack-live/change-log'

const MEMORY_NOTE = 'capture'

/** Lets the capture write into the change log: neither knows the other. */
export function logSink(log: ChangeLog): CaptureSink {
  return {
    async state() {
      const [{ epoch, newestLsn, whole }, memory] = await Promise.all([log.state(), log.notes.get(MEMORY_NOTE)])
      return { epoch, lsn: newestLsn, memory, whole }
    },
    write: (batches) => log.append(batches),
    remember: (text) => log.notes.set(MEMORY_NOTE, text),
  }
}
