import { compareEntryIds, epochOfEntryId, makeEntryId, parseEntryId, parseLsn } from '@zenstack-live/protocol'
import { describe, expect, it } from 'vitest'

describe('entry ids', () => {
  it('are ordered as numbers, not as text', () => {
    expect(compareEntryIds(parseEntryId('9-0'), parseEntryId('10-0'))).toBeLessThan(0)
    expect(compareEntryIds(parseEntryId('10-2'), parseEntryId('10-10'))).toBeLessThan(0)
    expect(compareEntryIds(parseEntryId('18446744073709551615-0'), parseEntryId('9007199254740993-0'))).toBeGreaterThan(0)
  })

  it('refuse what is not two unsigned 64-bit decimals', () => {
    for (const text of ['', '1', '-1', '1-', '01-0', '1-0 ', '1.0-1', '18446744073709551616-0', '1-0-0'])
      expect(() => parseEntryId(text)).toThrow(/entry id/)
  })

  it('hold the epoch above the LSN, so that a later epoch is greater whatever its LSN', () => {
    const id = makeEntryId(3, parseLsn('16/B374D848'), 7)
    expect(id).toBe(`${(3n << 52n) | 0x16b374d848n}-7`)
    expect(epochOfEntryId(id)).toBe(3)
    expect(compareEntryIds(makeEntryId(4, parseLsn('0/1'), 0), id)).toBeGreaterThan(0)
    // An id that is a clock time, as Debezium's are, is below every epoch of ours.
    expect(compareEntryIds(makeEntryId(1, parseLsn('0/1'), 0), parseEntryId(`${Date.UTC(2200, 0)}-0`))).toBeGreaterThan(0)
    expect(epochOfEntryId(parseEntryId('1795302218295-1'))).toBe(0)
  })

  it('refuse an epoch or an LSN that does not fit', () => {
    expect(() => makeEntryId(0, parseLsn('0/1'), 0)).toThrow(/Epoch 0/)
    expect(() => makeEntryId(4096, parseLsn('0/1'), 0)).toThrow(/Epoch 4096/)
    expect(() => makeEntryId(1, parseLsn('100000/0'), 0)).toThrow(/does not fit/)
    expect(makeEntryId(4095, parseLsn('FFFFF/FFFFFFFF'), 0)).toBe('18446744073709551615-0')
  })
})
