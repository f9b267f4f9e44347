import { startCapture, type CaptureSink } from '@zenstack-live/cdc'
import { openRedisLog } from '@zenstack-live/change-log'
import { logSink } from '../../src/log-sink.ts'

/*
 * A capture in a process of its own, to be killed. Arguments: database URL, Redis URL, name of the log, slot, tables.
 * Tells its parent `leading`, and `kept` after the log kept changes and before Postgres is told.
 */

const [url = '', redisUrl = '', name = '', slot = '', tables = ''] = process.argv.slice(2)
const sink = logSink(await openRedisLog({ url: redisUrl, name }))
const telling: CaptureSink = {
  ...sink,
  async write(batches) {
    await sink.write(batches)
    if (batches.some(({ entries }) => entries.some(({ kind }) => kind === 'change'))) process.send?.('kept')
  },
}
startCapture({
  url,
  slot,
  tables: tables.split(',').map((table) => ({ schema: 'public', name: table })),
  sink: telling,
  // What is confirmed too early is lost: so confirm as early as it can be.
  limits: { confirmDelayMs: 0, progressIntervalMs: 20, takeoverPollMs: 50, minBackoffMs: 20, leaseMs: 60_000 },
  onState: (state) => process.send?.(state.kind),
})
process.on('disconnect', () => process.exit())
