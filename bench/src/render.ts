import { parseEntryId, queryId, type EntryId, type Frame, type WireQuery } from '@zenstack-live/protocol'
import { createLiveClient } from '@zenstack-live/client'
import { createFakeEdge, type FakeConnection } from '@zenstack-live/testing/fake-edge'
import { schema } from '@zenstack-live/testing/workspace'
import { progress, type CommandOptions, type CommandResult } from './command.ts'
import { createRandom, type Random } from './random.ts'

const TRANSACTIONS = 300
const WARM_UP = 50

/**
 * What the browser's thread pays for one transaction that changes one row of a live list: reading the frame, applying it, sharing what did not
 * change, and telling the subscriber. Without a browser: the share of dropped frames needs one.
 */
export async function run(options: CommandOptions): Promise<CommandResult> {
  const random = createRandom(options.seed ?? 1)
  const small = await measure(100, random)
  const large = await measure(10_000, random)
  return {
    name: 'render',
    metrics: { applyMicros100: small.applyMicros, applyMicros10k: large.applyMicros, callsPerTransaction: large.callsPerTransaction },
    notes: ['median of one-row transactions, in Node, without React; droppedFrameShare is not measured here'],
  }
}

async function measure(rows: number, random: Random): Promise<{ applyMicros: number; callsPerTransaction: number }> {
  progress(`${rows} rows`)
  const edge = createFakeEdge()
  const live = createLiveClient(schema, { endpoint: 'http://edge/live', fetch: edge.fetch })
  const query: WireQuery = { model: 'Task', operation: 'findMany' }
  const q = queryId(query)
  const told: { calls: number; wake: () => void } = { calls: 0, wake: () => {} }
  const stop = live.subscribe(live.task.findMany(), () => {
    told.calls++
    told.wake()
  })
  const connection = await opened(edge.connections)
  connection.send(...snapshot(q, rows))
  connection.endBatch(1)
  await next(told)
  const callsBefore = told.calls
  const micros: number[] = []
  for (let lsn = 2; lsn < TRANSACTIONS + WARM_UP; lsn++) {
    const key = keyOf(random.whole(rows))
    const shown = next(told)
    const start = performance.now()
    connection.send({ event: 'change', q, at: at(lsn), ops: [{ op: 'update', key, set: { title: `title ${lsn}` } }] })
    connection.endBatch(lsn)
    await shown
    if (lsn > WARM_UP) micros.push((performance.now() - start) * 1000)
  }
  const calls = told.calls - callsBefore
  stop()
  live.$close()
  micros.sort((a, b) => a - b)
  return { applyMicros: Math.round(micros[micros.length >> 1] ?? Number.NaN), callsPerTransaction: calls / (TRANSACTIONS + WARM_UP - 2) }
}

async function opened(connections: readonly FakeConnection[]): Promise<FakeConnection> {
  for (;;) {
    const [connection] = connections
    if (connection !== undefined) return connection
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

function next(told: { wake: () => void }): Promise<void> {
  return new Promise((resolve) => {
    told.wake = resolve
  })
}

function snapshot(q: ReturnType<typeof queryId>, rows: number): Frame[] {
  const list = Array.from({ length: rows }, (_, index) => {
    const key = keyOf(index)
    return { key, sort: key, row: { id: key, title: `title ${index}`, status: 'OPEN', priority: index, spaceId: 'garden' } }
  })
  return [
    { event: 'snapshot', q, at: at(1), part: 0, isLast: true, shape: 'rows', rows: list },
    { event: 'ready', q, at: at(1), engine: 'incremental', shape: 'rows', ticket: 't' },
  ]
}

const keyOf = (index: number): string => String(index).padStart(6, '0')
const at = (lsn: number): EntryId => parseEntryId(`${lsn}-1`)
