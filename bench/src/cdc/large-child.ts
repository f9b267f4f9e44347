import { startCapture, type CaptureSink } from '@zenstack-live/cdc'
import { openRedisLog } from '@zenstack-live/change-log'
import type { LogEntry } from '@zenstack-live/protocol'
import { logSink } from '../log-sink.ts'

/*
 * A capture in a process of its own, whose memory can be looked at. Arguments: database URL, Redis URL, slot, schema and table. It says
 * "ready" once it leads, and "bulk" with its largest memory so far, in bytes, once a transaction that is too large for the log has passed.
 */

const [url = '', redisUrl = '', slot = '', schema = '', name = ''] = process.argv.slice(2)
const log = await openRedisLog({ url: redisUrl, name: `bench:${slot}` })
const sink = logSink(log)
const isBulk = (entry: LogEntry): boolean => entry.kind === 'bulk' && entry.xid !== 0
const watched: CaptureSink = {
  ...sink,
  async write(batches) {
    await sink.write(batches)
    if (!batches.some(({ entries }) => entries.some(isBulk))) return
    process.send?.({ bulk: process.resourceUsage().maxRSS * 1024 })
  },
}
const capture = startCapture({ url, slot, tables: [{ schema, name }], sink: watched })
await capture.caughtUp()
process.send?.({ ready: process.memoryUsage.rss() })
process.on('disconnect', () => process.exit())
