import type { EntryId, Lsn, QueryId } from '@zenstack-live/protocol'
import { expect, it, vi } from 'vitest'
import type { EdgeContext } from '../src/edge-context.ts'
import { createKeys } from '../src/keys.ts'
import { createMetrics } from '../src/operations/metrics.ts'
import { QueryReader, type ReaderHost, type Resume } from '../src/streams/reader.ts'

const PLACE = { entry: '1-1' as EntryId, lsn: 1n as Lsn }
const RESUME = { from: PLACE, ticket: {} } as Resume

/** A query of a connection that does not know yet whether the log has come to where its owner became who they are. */
function waiting() {
  const known = Promise.withResolvers<void>()
  const hub = { era: 0, history: { head: PLACE } }
  const metrics = createMetrics()
  const begin = vi.fn()
  const host = {
    context: { hub, metrics, keys: createKeys('a secret of the tests') } as unknown as EdgeContext,
    untilKnown: () => known.promise,
    begin,
    push: () => {},
    onWait: () => {},
  } as unknown as ReaderHost
  const reader = new QueryReader(host, 'q' as QueryId, { model: 'Note', operation: 'findMany' })
  const settled = async (): Promise<void> => vi.waitFor(() => expect(metrics.questionsWaitingNow).toBe(0))
  return { known, hub, metrics, begin, reader, settled }
}

it('goes on from its place when that is known, and counts among those who wait until then', async () => {
  const { known, metrics, begin, reader, settled } = waiting()
  reader.open(RESUME)
  expect([metrics.questionsWaitingNow, begin.mock.calls.length]).toEqual([1, 0])
  known.resolve()
  await settled()
  expect(begin.mock.calls).toEqual([[reader, RESUME]])
  expect(metrics.resets).toEqual({})
})

it('begins anew where the log did so while it waited: its place is none of this one', async () => {
  const { known, hub, metrics, begin, reader, settled } = waiting()
  reader.open(RESUME)
  hub.era++
  known.resolve()
  await settled()
  expect(begin.mock.calls).toEqual([[reader, undefined]])
  expect(metrics.resets).toEqual({ gap: 1 })
})

it('begins nothing for who has left meanwhile', async () => {
  const { known, begin, reader, settled } = waiting()
  reader.open(undefined)
  reader.close()
  known.resolve()
  await settled()
  expect(begin).not.toHaveBeenCalled()
})
