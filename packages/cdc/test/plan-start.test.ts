import { parseLsn } from '@zenstack-live/protocol'
import { describe, expect, it } from 'vitest'
import { formatMemory, parseMemory } from '../src/memory.ts'
import { planStart, type LogStanding, type ServerState } from '../src/plan-start.ts'

const MEMORY = { systemId: '7', timeline: 1, confirmed: undefined, shapes: undefined }
const LOG: LogStanding = { epoch: 3, lsn: parseLsn('0/2000'), memory: MEMORY }
const SERVER: ServerState = { systemId: '7', timeline: 1, walLsn: parseLsn('0/3000'), confirmedLsn: parseLsn('0/1000'), isSlotNew: false }

describe('planStart', () => {
  it('goes on in the same epoch when the slot has everything that the log lacks', () => {
    expect(planStart(LOG, SERVER)).toEqual({ epoch: 3, newEpochReason: undefined })
    expect(planStart({ ...LOG, lsn: SERVER.confirmedLsn }, SERVER)).toEqual({ epoch: 3, newEpochReason: undefined })
    // A log that cannot remember is believed as long as the LSNs fit.
    expect(planStart({ ...LOG, memory: undefined }, SERVER).epoch).toBe(3)
  })

  it.each<[string, LogStanding, ServerState]>([
    ['the log is new', { ...LOG, epoch: 0, lsn: undefined }, SERVER],
    ['the log was written by another capture', { ...LOG, epoch: 0 }, SERVER],
    ['the database is another one (system 7, now 8)', LOG, { ...SERVER, systemId: '8' }],
    ['the database went over to timeline 2 (from 1)', LOG, { ...SERVER, timeline: 2 }],
    ['the log holds another history than the replication slot', { ...LOG, isForeign: true }, SERVER],
    ['the replication slot was lost', LOG, { ...SERVER, isSlotNew: true }],
    ['the log ends at 0/2000, but all up to 0/2001 was confirmed', LOG, { ...SERVER, confirmedLsn: parseLsn('0/2001') }],
    ['the database went back to 0/1FFF, the log is at 0/2000', LOG, { ...SERVER, walLsn: parseLsn('0/1FFF') }],
  ])('begins a new epoch: %s', (reason, log, server) => {
    expect(planStart(log, server)).toEqual({ epoch: log.epoch + 1, newEpochReason: reason })
  })
})

describe('the memory of a capture', () => {
  it('comes back as it was, and anything else is no memory', () => {
    const memory = { ...MEMORY, confirmed: { lsn: '5', previousCommitLsn: null }, shapes: { catalog: { 'a.b': 'x' }, stream: {} } }
    expect(parseMemory(formatMemory(memory))).toMatchObject(memory)
    for (const text of [undefined, '', 'nonsense', 'null', '{"version":2,"systemId":"7"}']) expect(parseMemory(text)).toBeUndefined()
  })
})
