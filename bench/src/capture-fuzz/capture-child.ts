import { startCapture, type CaptureSink } from '@zenstack-live/cdc'
import { openRedisLog } from '@zenstack-live/change-log'
import { logSink } from '../log-sink.ts'
import { FUZZ_TABLES } from './statements.ts'

/*
 * A capture in a process of its own, to be killed. Arguments: database URL, Redis URL, name of the log, slot, delay of the
 * confirmation in ms, and "mutate" to lose a write on purpose.
 */

const [url = '', redisUrl = '', name = '', slot = '', confirmDelayMs = '0', mutation] = process.argv.slice(2)
const retry = async (): Promise<CaptureSink> => {
  for (;;) {
    try {
      return logSink(await openRedisLog({ url: redisUrl, name }))
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}
const sink = await retry()
let writes = 0
startCapture({
  url,
  slot,
  tables: FUZZ_TABLES,
  sink: mutation === 'mutate' ? { ...sink, write: async (batches) => (++writes % 5 === 0 ? undefined : sink.write(batches)) } : sink,
  limits: {
    confirmDelayMs: Number(confirmDelayMs),
    progressIntervalMs: 50,
    takeoverPollMs: 50,
    minBackoffMs: 20,
    maxBackoffMs: 300,
    reconcileIntervalMs: 200,
  },
})
process.on('disconnect', () => process.exit())
