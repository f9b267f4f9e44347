import { makeEntryId, parseLsn } from '@zenstack-live/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Schedule, type Scheduled } from '../src/reader/schedule.ts'

interface Event extends Scheduled {
  index: number
}

const event = (index: number, key: string): Event => ({ index, key, position: makeEntryId(1, parseLsn(String(index)), 1) })

describe('a schedule', () => {
  it('starts everything, no more than it may at once, and never two of one key', () => {
    const cases = fc.record({
      concurrency: fc.integer({ min: 1, max: 5 }),
      keys: fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 40 }),
      suspects: fc.array(fc.nat(10), { maxLength: 4 }),
      choices: fc.array(fc.nat(20), { minLength: 300, maxLength: 300 }),
    })
    fc.assert(
      fc.property(cases, ({ concurrency, keys, suspects, choices }) => {
        const schedule = new Schedule<Event>(concurrency, true)
        const running: Event[] = []
        const postponed: Event[] = []
        const started: Event[] = []
        let added = 0
        for (const choice of choices) {
          if (choice < 6 && added < keys.length) {
            schedule.add(event(added, keys[added] ?? ''), suspects.includes(added))
            added++
          } else if (choice < 10 && running.length > 0) {
            const [done] = running.splice(choice % running.length, 1)
            if (done !== undefined) schedule.finish(done)
          } else if (choice < 13 && running.length > 0) {
            const [failed] = running.splice(choice % running.length, 1)
            if (failed !== undefined) {
              schedule.postpone(failed)
              postponed.push(failed)
            }
          } else if (choice < 16) {
            const back = postponed.shift()
            if (back !== undefined) schedule.retry(back)
          }
          for (let next = schedule.take(); next !== undefined; next = schedule.take()) {
            started.push(next)
            running.push(next)
          }
          expect(running.length).toBeLessThanOrEqual(concurrency)
          expect(new Set(running.map(({ key }) => key)).size).toBe(running.length)
          expect(schedule.running).toBe(running.length)
        }
        // Whatever is left finishes.
        while (schedule.size > 0) {
          for (const back of postponed.splice(0)) schedule.retry(back)
          for (let next = schedule.take(); next !== undefined; next = schedule.take()) {
            started.push(next)
            running.push(next)
          }
          const done = running.shift()
          if (done === undefined) throw new Error(`Nothing may start, but ${schedule.size} are left.`)
          schedule.finish(done)
        }
        for (const key of ['a', 'b', 'c', 'd']) {
          const first = [...new Set(started.filter((each) => each.key === key).map(({ index }) => index))]
          expect(first).toEqual(first.toSorted((a, b) => a - b))
        }
        expect(new Set(started.map(({ index }) => index)).size).toBe(added)
      }),
    )
  })

  it('runs suspects first and alone', () => {
    const schedule = new Schedule<Event>(4, true)
    const events = ['a', 'b', 'c', 'd'].map((key, index) => event(index, key))
    for (const each of events) schedule.add(each, each.index === 1 || each.index === 3)
    expect(schedule.take()).toBe(events[1])
    expect(schedule.take()).toBeUndefined()
    if (events[1] !== undefined) schedule.finish(events[1])
    expect(schedule.take()).toBe(events[3])
    expect(schedule.take()).toBeUndefined()
    if (events[3] !== undefined) schedule.postpone(events[3])
    expect([schedule.take(), schedule.take(), schedule.take()]).toEqual([events[0], events[2], undefined])
  })
})
