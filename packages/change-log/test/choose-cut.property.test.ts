import { compareEntryIds, makeEntryId, parseLsn, type EntryId } from '@zenstack-live/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chooseCut, type LogSample } from '../src/choose-cut.ts'

const at = (index: number, row = 1): EntryId => makeEntryId(1, parseLsn(String(index)), row)

describe('retention', () => {
  it('keeps what its limits allow, what readers wait for, and whole transactions', () => {
    const cases = fc.record({
      entries: fc.integer({ min: 1, max: 200 }),
      every: fc.integer({ min: 1, max: 20 }),
      maxEntries: fc.integer({ min: 0, max: 250 }),
      hardFactor: fc.integer({ min: 1, max: 5 }),
      cursors: fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 3 }),
    })
    fc.assert(
      fc.property(cases, ({ entries, every, maxEntries, hardFactor, cursors }) => {
        const samples: LogSample[] = []
        for (let added = every; added <= entries; added += every) samples.push({ atMs: added * 1000, id: at(added), added })
        const readers = cursors.map((cursor, index) => ({ id: `r${index}`, cursor: at(Math.min(cursor, entries)) }))
        const input = {
          nowMs: 0,
          retention: { maxEntries, hardFactor },
          samples,
          newest: at(entries),
          added: entries,
          entries,
          bytes: undefined,
          readers,
        }
        const { keepFrom, heldBackBy, overtaken } = chooseCut(input)
        if (keepFrom === undefined) return
        const removed = Array.from({ length: entries }, (_, index) => at(index + 1)).filter((id) => compareEntryIds(id, keepFrom) < 0).length
        expect(entries - removed).toBeGreaterThanOrEqual(Math.max(1, maxEntries))
        const lost = readers.filter(({ cursor }) => compareEntryIds(cursor, at(removed === 0 ? 0 : removed)) < 0)
        expect(new Set(overtaken)).toEqual(new Set(lost.map(({ id }) => id)))
        if (overtaken.length === 0 && heldBackBy !== undefined) expect(entries - removed).toBeGreaterThanOrEqual(maxEntries)
        // A reader is overtaken only when far more than the limit is kept.
        if (overtaken.length > 0) expect(entries - removed).toBeGreaterThanOrEqual(Math.min(entries - 1, maxEntries * hardFactor))
      }),
    )
  })

  it('removes nothing without a limit', () => {
    const sample: LogSample = { atMs: 0, id: at(1), added: 1 }
    const input = { nowMs: 1e9, retention: {}, samples: [sample], newest: at(5), added: 5, entries: 5, bytes: 1e9, readers: [] }
    expect(chooseCut(input).keepFrom).toBeUndefined()
  })
})
