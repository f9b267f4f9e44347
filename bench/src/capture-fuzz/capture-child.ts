import { startCapture, type CaptureSink } from '@zenstack-live/cdc'
import { openRedisLog } from '@zenstack-live/change-log'
import { logSink } from '../log-sink.ts'
import { MUTATIONS } from './mutations.ts'
import { FUZZ_TABLES } from './statements.ts'

/*
 * A capture in a process of its own, to be killed. Arguments: database URL, Redis URL, name of the log, slot, delay of the
 * confirmation in ms, and the name of a mutation, to break a promise on purpose.
 */

const [url = '', redisUrl = '', name = '', slot = '', confirmDelayMs = '0', mutation = ''] = process.argv.slice(2)
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
startCapture({
  url,
  slot,
  tables: FUZZ_TABLES,
  sink: MUTATIONS[mutation]?.wrap?.(sink) ?? sink,
  onState: ({ kind }) => process.send?.(kind),
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
