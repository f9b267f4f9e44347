import type { EntryId } from '@zenstack-live/protocol'
import type { CaptureSink } from './sink.ts'

/**
 * Writes on behind the entry that was the newest when the log was asked: the first write names it. Should the log have lost it since, that
 * write is refused, and the next session asks again. Without it, what comes next would stand where the lost entries are missing.
 */
export function continueLog(sink: CaptureSink, newest: EntryId | undefined): Pick<CaptureSink, 'write'> {
  let after = newest
  return {
    async write(batches) {
      const [first, ...rest] = batches
      await sink.write(after === undefined || first === undefined ? batches : [{ ...first, after }, ...rest])
      after = undefined
    },
  }
}
