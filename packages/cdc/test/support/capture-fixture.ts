import { setUpCapture, startCapture, type Capture, type CapturedTable, type CaptureLimits, type CaptureOptions } from '@zenstack-live/cdc'
import { createDatabase } from '@zenstack-live/testing'
import pg from 'pg'
import { MemorySink } from './memory-sink.ts'

/** A database of its own with these tables, ready to be captured. */
export interface CaptureFixture {
  url: string
  slot: string
  tables: CapturedTable[]
  sql: (text: string, values?: unknown[]) => Promise<Record<string, unknown>[]>
  sink: MemorySink
  /** Begins a capture that `close` ends. */
  start: (options?: Partial<CaptureOptions>) => Capture
  close: () => Promise<void>
}

/** Fast enough for tests; the delay that protects against a log's failover would only make them wait. */
export const TEST_LIMITS: Partial<CaptureLimits> = {
  confirmDelayMs: 0,
  progressIntervalMs: 100,
  takeoverPollMs: 50,
  minBackoffMs: 20,
  maxBackoffMs: 200,
}

export async function captureFixture(serverUrl: string, ddl: string, tables: readonly (string | CapturedTable)[]): Promise<CaptureFixture> {
  const url = await createDatabase(serverUrl)
  const slot = `live_${new URL(url).pathname.slice(1)}`
  const client = new pg.Client(url)
  client.on('error', () => {})
  await client.connect()
  await client.query(ddl)
  const captured = tables.map((table) => (typeof table === 'string' ? { schema: 'public', name: table } : table))
  await setUpCapture({ url, tables: captured, slot })
  const sink = new MemorySink()
  const captures: Capture[] = []
  return {
    url,
    slot,
    tables: captured,
    sink,
    sql: async (text, values) => (await client.query<Record<string, unknown>>(text, values)).rows,
    start(options = {}) {
      const capture = startCapture({ url, slot, tables: captured, sink, ...options, limits: { ...TEST_LIMITS, ...options.limits } })
      captures.push(capture)
      return capture
    },
    async close() {
      await Promise.all(captures.map((capture) => capture.close()))
      await client
        .query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active', [slot])
        .catch(() => {})
      await client.end()
    },
  }
}
