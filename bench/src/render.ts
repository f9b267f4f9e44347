import { createLiveClient } from '@zenstack-live/client'
import { queryId, type WireQuery } from '@zenstack-live/protocol'
import { findBrowser } from '@zenstack-live/testing'
import { createFakeEdge, type FakeConnection } from '@zenstack-live/testing/fake-edge'
import { schema } from '@zenstack-live/testing/workspace'
import { progress, type CommandOptions, type CommandResult } from './command.ts'
import { createRandom, type Random } from './random.ts'
import { countFrames } from './render/count-frames.ts'
import { listSnapshot, titleChange } from './render/list-frames.ts'

const TRANSACTIONS = 300
const WARM_UP = 50
const ROWS = 10_000
const CHANGES_PER_SECOND = 100
const DEFAULT_ROUNDS = 5
const DEFAULT_ROUND_SECONDS = 6

/**
 * What the browser's thread pays for one transaction that changes one row of a live list: reading the frame, applying it, sharing what did not
 * change, and telling the subscriber; and in Chromium, with React and a virtualised list, how often it renders and what the eye loses.
 *
 * `runs`: rounds of rest and change. `seconds`: how long each half lasts.
 */
export async function run({ seed = 1, runs = DEFAULT_ROUNDS, seconds = DEFAULT_ROUND_SECONDS }: CommandOptions): Promise<CommandResult> {
  const browser = findBrowser(progress)
  if (browser.path === undefined) throw new Error(browser.cure)
  const random = createRandom(seed)
  const small = await measureApply(100, random)
  const large = await measureApply(ROWS, random)
  const frames = await countFrames(
    { browserPath: browser.path, rows: ROWS, perSecond: CHANGES_PER_SECOND, rounds: runs, roundMs: seconds * 1000 },
    random,
  )
  return {
    name: 'render',
    metrics: {
      applyMicros100: small.applyMicros,
      applyMicros10k: large.applyMicros,
      callsPerTransaction: large.callsPerTransaction,
      rendersPerTransaction: frames.rendersPerTransaction,
      droppedFrameShare: frames.changingShare - frames.idleShare,
      mainThreadMicros: Math.round(frames.mainThreadMicros),
    },
    peers: { changing: { droppedFrameShare: frames.changingShare }, idle: { droppedFrameShare: frames.idleShare } },
    notes: [
      'apply…: median of one-row transactions, in Node, without React',
      `Chromium: a virtualised list of ${ROWS} rows, ${CHANGES_PER_SECOND} transactions of one row a second (and a number in the last one), half of them in view; ${frames.framesExpected} frames of 60 a second while changing`,
      'mainThreadMicros: processor time of the page for one transaction, painting included',
      'droppedFrameShare is what is lost beyond the same page at rest, by turns in the same run: noise can make it negative',
    ],
  }
}

async function measureApply(rows: number, random: Random): Promise<{ applyMicros: number; callsPerTransaction: number }> {
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
  connection.send(...listSnapshot(q, rows))
  connection.endBatch(1)
  await next(told)
  const callsBefore = told.calls
  const micros: number[] = []
  for (let lsn = 2; lsn < TRANSACTIONS + WARM_UP; lsn++) {
    const row = random.whole(rows)
    const shown = next(told)
    const start = performance.now()
    connection.send(titleChange(q, lsn, row))
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
