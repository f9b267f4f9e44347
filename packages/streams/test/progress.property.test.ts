import { compareEntryIds, FIRST_ENTRY_ID, makeEntryId, parseLsn, type EntryId } from '@zenstack-live/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseProgress, Progress } from '../src/reader/progress.ts'

const at = (index: number): EntryId => makeEntryId(1, parseLsn(String(index)), 1)

describe('progress', () => {
  it('after any interruption brings every unfinished event again, and no finished one', () => {
    // Each number: finish that many of the running events (newest first), before the next event begins.
    const steps = fc.array(fc.record({ isWanted: fc.boolean(), finish: fc.array(fc.nat(50), { maxLength: 3 }), isSaved: fc.boolean() }), {
      maxLength: 60,
    })
    fc.assert(
      fc.property(steps, (events) => {
        const progress = new Progress('log', FIRST_ENTRY_ID)
        const [running, finished] = [[] as EntryId[], new Set<EntryId>()]
        let record = progress.record()
        let finishedAtSave = new Set<EntryId>()
        let wantedAtSave: EntryId[] = []
        const wanted: EntryId[] = []
        for (const [index, { isWanted, finish, isSaved }] of events.entries()) {
          const position = at(index + 1)
          if (isWanted) {
            expect(progress.begin(position, index === 0 ? FIRST_ENTRY_ID : at(index))).toBe(true)
            running.push(position)
            wanted.push(position)
          } else progress.scan(position)
          for (const pick of finish) {
            const [done] = running.splice(pick % Math.max(1, running.length), 1)
            if (done === undefined) continue
            progress.finish(done)
            finished.add(done)
          }
          expect(progress.isAhead(running.length)).toBe(true)
          expect(progress.isAhead(wanted.length + 1)).toBe(false)
          if (!isSaved) continue
          record = progress.record()
          finishedAtSave = new Set(finished)
          wantedAtSave = [...wanted]
        }
        const again = new Progress('log', record.cursor, parseProgress(record))
        for (const [index, { isWanted }] of events.entries()) {
          const position = at(index + 1)
          if (!isWanted) continue
          const isBeforeCursor = compareEntryIds(position, record.cursor) <= 0
          const comes = !isBeforeCursor && again.begin(position, index === 0 ? FIRST_ENTRY_ID : at(index))
          if (wantedAtSave.includes(position)) expect(comes).toBe(!finishedAtSave.has(position))
          else expect(comes).toBe(true)
        }
      }),
    )
  })

  it('keeps counts of unfinished events only', () => {
    const progress = new Progress('log', FIRST_ENTRY_ID)
    for (const index of [1, 2, 3]) progress.begin(at(index), index === 1 ? FIRST_ENTRY_ID : at(index - 1))
    for (const index of [1, 2, 2, 3]) progress.count(at(index))
    progress.uncount(at(3))
    progress.finish(at(1))
    const saved = parseProgress(progress.record())
    expect(progress.record().cursor).toBe(at(1))
    expect([...saved.deliveries]).toEqual([[at(2), 2]])
    progress.finish(at(2))
    progress.finish(at(3))
    expect(progress.record()).toEqual({ cursor: at(3), state: '{"log":"log","began":"0-0"}' })
  })
})
