import type { ChangeLog } from '@zenstack-live/change-log'
import { LIMITS, makeEntryId, type LogEntry } from '@zenstack-live/protocol'
import { describe, expect, it, vi } from 'vitest'
import { Hub } from '../src/log/hub.ts'
import { stopAtSchemaMarks } from '../src/log/stop-at-schema-marks.ts'
import { change, FakeLog, lsnOf } from './support/fake-log.ts'

const schemaMark = (lsn: number): LogEntry => {
  const place = { id: makeEntryId(1, lsnOf(lsn), 0), lsn: lsnOf(lsn) }
  return { kind: 'bulk', ...place, xid: 0, reason: 'schema', isLastOfTransaction: true, tables: ['public.other'] }
}

const newEpoch = (lsn: number): LogEntry => {
  return { kind: 'epoch', id: makeEntryId(2, lsnOf(lsn), 0), lsn: lsnOf(lsn), epoch: 2, reason: 'the replication slot was lost' }
}

describe('a hub whose tables may have become others', () => {
  it.each([
    ['a mark that says so', schemaMark(2)],
    ['a new epoch, whose capture sees them for the first time', newEpoch(2)],
  ])('reads nothing that follows %s, unless they are the same', async (_, mark) => {
    for (const areSame of [false, true]) {
      const log = new FakeLog([change(1, 1)])
      const { told, mayGoOn, hub } = await follow(log, [true, areSame])
      log.append(mark)
      log.append({ ...change(3, 1), id: makeEntryId(2, lsnOf(3), 1) })
      await vi.waitFor(() => expect(mayGoOn).toHaveBeenCalledTimes(2))
      await new Promise((resolve) => setImmediate(resolve))
      expect([areSame, told.includes('3')]).toEqual([areSame, areSame])
      await hub.close()
    }
  })

  it('asks again where it lost its place: what told of them may lie in what is missing, or was read ahead', async () => {
    const log = new FakeLog([change(1, 1)])
    const { told, mayGoOn, hub } = await follow(log, [true, false])
    log.entries = [change(5, 1), schemaMark(6)]
    log.loseReader()
    await vi.waitFor(() => expect(mayGoOn).toHaveBeenCalledTimes(2))
    log.append(change(7, 1))
    await new Promise((resolve) => setImmediate(resolve))
    expect(told).toEqual(['reset: gap'])
    await hub.close()
  })
})

/** @param answers - whether it may go on, in the order in which it asks */
async function follow(log: FakeLog, answers: readonly boolean[]) {
  const told: string[] = []
  const mayGoOn = vi.fn(async () => false)
  for (const answer of answers) mayGoOn.mockResolvedValueOnce(answer)
  const isFollowed = log.isFollowed()
  const hub = await Hub.open({
    log: stopAtSchemaMarks(log as unknown as ChangeLog, mayGoOn),
    data: { table: () => undefined } as never,
    limits: LIMITS,
    lookBackMs: 0,
    nudge: () => {},
    onError: () => {},
  })
  hub.listen({
    onTransaction: ({ xid }) => void told.push(String(xid)),
    onBatchEnd: () => {},
    onReset: (reason) => void told.push(`reset: ${reason}`),
  })
  await isFollowed
  return { told, mayGoOn, hub }
}
