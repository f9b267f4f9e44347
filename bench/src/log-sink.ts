import type { CaptureSink } from '@zenstack-live/cdc'
import type { ChangeLog } from '@zenstack-live/change-log'

/** A capture's sink over a change log, as the door wires them. */
export function logSink(log: ChangeLog): CaptureSink {
  return {
    async state() {
      const [{ epoch, newestLsn, whole }, memory] = await Promise.all([log.state(), log.notes.get('capture')])
      return { epoch, lsn: newestLsn, memory, whole }
    },
    write: (batches) => log.append(batches),
    remember: (text) => log.notes.set('capture', text),
  }
}
