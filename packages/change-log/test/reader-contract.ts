import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ChangeLog } from '../src/index.ts'
import type { LogUnderTest } from './contract.ts'
import { rowId } from './transactions.ts'

/** Outlasts a test, also where time really passes and the machine is busy. */
const LEASE_MS = 60_000

/** What {@link ChangeLog} promises of durable readers, and of the notes that processes share. */
export function readerContract(name: string, create: () => Promise<LogUnderTest>): void {
  describe(`${name} for those who come back`, () => {
    let subject: LogUnderTest
    let log: ChangeLog

    beforeEach(async () => {
      subject = await create()
      log = await subject.open()
    })
    afterEach(async () => {
      await log.close()
      await subject.close()
    })

    describe('durable readers', () => {
      it('has one owner at a time', async () => {
        const lease = await acquire(log, 'mail')
        expect(lease).toMatchObject({ fence: 1, record: undefined })
        const held = await log.readers.acquire('mail', { owner: 'second', leaseMs: LEASE_MS })
        expect(held).toMatchObject({ heldByOwner: 'first' })
        expect(await acquire(log, 'other')).toMatchObject({ fence: 1 })
      })

      it('lets a stand-by take over after the lease, with what was saved', async () => {
        const lease = await acquire(log, 'mail', 'first', 1_000)
        await log.readers.save(lease, { record: { cursor: rowId(10, 1), state: '{"a":1}' } })
        await subject.pass(1_100)
        const second = await acquire(log, 'mail', 'second')
        expect(second).toMatchObject({ fence: 2, record: { cursor: rowId(10, 1), state: '{"a":1}' } })
      })

      it('renews the lease with every save', async () => {
        const lease = await acquire(log, 'mail', 'first', 5_000)
        for (let round = 0; round < 3; round++) {
          await subject.pass(2_000)
          await log.readers.save(lease, {})
        }
        expect(await log.readers.acquire('mail', { owner: 'second', leaseMs: LEASE_MS })).toHaveProperty('heldByOwner', 'first')
      })

      it('refuses what a former owner writes', async () => {
        const first = await acquire(log, 'mail', 'first', 1_000)
        await subject.pass(1_100)
        const second = await acquire(log, 'mail', 'second')
        await expect(log.readers.save(first, { record: { cursor: rowId(99, 1), state: 'x' } })).rejects.toMatchObject({ code: 'reader_fenced' })
        await log.readers.release(first)
        await log.readers.save(second, { record: { cursor: rowId(10, 1), state: 'y' } })
        expect(await log.readers.list()).toMatchObject([{ id: 'mail', cursor: rowId(10, 1), state: 'y', owner: 'second', fence: 2 }])
      })

      it('lets an owner whose lease ran out go on while nobody took over', async () => {
        const lease = await acquire(log, 'mail', 'first', 5_000)
        await subject.pass(5_100)
        await log.readers.save(lease, { record: { cursor: rowId(10, 1), state: '' } })
        expect(await log.readers.list()).toMatchObject([{ owner: 'first' }])
      })

      it('fences the earlier lease of the same owner too', async () => {
        const first = await acquire(log, 'mail')
        await acquire(log, 'mail')
        await expect(log.readers.save(first, {})).rejects.toMatchObject({ code: 'reader_fenced' })
      })

      it('is free at once when released', async () => {
        const lease = await acquire(log, 'mail')
        await log.readers.release(lease)
        expect(await log.readers.list()).toMatchObject([{ owner: undefined }])
        expect(await acquire(log, 'mail', 'second')).toMatchObject({ fence: 2 })
      })

      it('keeps dead letters in order, until they are removed', async () => {
        const lease = await acquire(log, 'mail')
        await log.readers.save(lease, { deadLetters: [{ key: 'b', text: '{"n":1}' }] })
        await log.readers.save(lease, {
          deadLetters: [
            { key: 'a', text: 'two:2' },
            { key: 'c', text: '3' },
          ],
        })
        expect(await log.readers.deadLetters('mail')).toEqual([
          { key: 'b', text: '{"n":1}' },
          { key: 'a', text: 'two:2' },
          { key: 'c', text: '3' },
        ])
        expect(await log.readers.moveDeadLetter('mail', 'c', 'again')).toBe(true)
        expect(await log.readers.moveDeadLetter('mail', 'c', 'again')).toBe(false)
        expect(await log.readers.deadLetters('again')).toEqual([{ key: 'c', text: '3' }])
        expect(await log.readers.moveDeadLetter('again', 'c', 'mail')).toBe(true)
        expect(await log.readers.removeDeadLetter('mail', 'a')).toBe(true)
        expect(await log.readers.removeDeadLetter('mail', 'a')).toBe(false)
        expect(await log.readers.list()).toMatchObject([{ deadLetters: 2 }])
        expect(await log.readers.deadLetters('other')).toEqual([])
      })

      it('forgets a dropped id and fences its owner', async () => {
        const lease = await acquire(log, 'mail')
        await log.readers.save(lease, { record: { cursor: rowId(10, 1), state: '' }, deadLetters: [{ key: 'a', text: 'x' }] })
        expect(await log.readers.drop(['mail'])).toBe(true)
        expect(await log.readers.drop(['mail'])).toBe(false)
        expect(await log.readers.list()).toEqual([])
        expect(await log.readers.deadLetters('mail')).toEqual([])
        await expect(log.readers.save(lease, {})).rejects.toMatchObject({ code: 'reader_fenced' })
        // Nor does it pass for its successor.
        expect(await acquire(log, 'mail', 'second')).toMatchObject({ record: undefined })
        await expect(log.readers.save(lease, {})).rejects.toMatchObject({ code: 'reader_fenced' })
        expect(await log.readers.deadLetters('mail')).toEqual([])
      })

      it('gives readers their first place in one step, and none to those that have one', async () => {
        const record = { cursor: rowId(10, 1), state: 'first' }
        expect(await log.readers.place(['a', 'b'], record)).toBe(true)
        expect(await log.readers.place(['b', 'c'], { cursor: rowId(20, 1), state: 'second' })).toBe(true)
        expect((await log.readers.list()).map(({ id, cursor, state, owner }) => [id, cursor, state, owner])).toEqual([
          ['a', rowId(10, 1), 'first', undefined],
          ['b', rowId(10, 1), 'first', undefined],
          ['c', rowId(20, 1), 'second', undefined],
        ])
        expect(await acquire(log, 'a')).toMatchObject({ fence: 1, record, isLost: false })
      })

      it('lets readers take the place of others that nobody holds, with their dead letters', async () => {
        const record = { cursor: rowId(10, 1), state: '' }
        const old = await acquire(log, 'old')
        await log.readers.save(old, { record, deadLetters: [{ key: 'a', text: 'x' }] })
        const replaced = [{ id: 'old', fence: old.fence, heir: 'new' }]
        expect(await log.readers.place(['new'], record, replaced)).toBe(false)
        await log.readers.release(old)
        expect(await log.readers.place(['new'], record, [{ id: 'old', fence: old.fence + 1, heir: 'new' }])).toBe(false)
        expect(await log.readers.list()).toMatchObject([{ id: 'old' }])
        expect(await log.readers.place(['new'], record, replaced)).toBe(true)
        expect(await log.readers.list()).toMatchObject([{ id: 'new', cursor: rowId(10, 1), deadLetters: 1 }])
        expect(await log.readers.deadLetters('new')).toEqual([{ key: 'a', text: 'x' }])
        await expect(log.readers.save(old, {})).rejects.toMatchObject({ code: 'reader_fenced' })
      })

      it('tells who knew more than it does that it lost a reader, and lets nobody pass for a former owner', async () => {
        const lease = await acquire(log, 'mail')
        expect(await log.readers.acquire('mail', { owner: 'second', leaseMs: LEASE_MS })).toMatchObject({ heldByOwner: 'first', fence: 1 })
        // As a reader that had its seventh owner before the log was emptied: who took it since knows less.
        const known = { bornMs: 0, fence: 7 }
        const knowing = await log.readers.acquire('mail', { owner: 'second', leaseMs: LEASE_MS, known })
        expect(knowing).toMatchObject({ bornMs: 0, fence: 8, isLost: true, record: undefined })
        await expect(log.readers.save(lease, {})).rejects.toMatchObject({ code: 'reader_fenced' })
        await expect(log.readers.save({ ...lease, fence: 8 }, {})).rejects.toMatchObject({ code: 'reader_fenced' })
        await log.readers.release({ ...lease, fence: 8 })
        // Another one that knew the same, or knew the life between.
        for (const each of [known, { bornMs: lease.bornMs, fence: 1 }])
          expect(await log.readers.acquire('mail', { owner: 'first', leaseMs: LEASE_MS, known: each })).toMatchObject({
            heldByOwner: 'second',
            fence: 8,
          })
        await log.readers.drop(['mail'])
        const dropped = await log.readers.acquire('mail', { owner: 'first', leaseMs: LEASE_MS, known: { bornMs: 0, fence: 8 } })
        expect(dropped).toMatchObject({ isLost: false, record: undefined })
      })

      it('keeps as many dead letters as it may, and counts those it let go', async () => {
        const lease = await acquire(log, 'mail')
        const letters = ['a', 'b', 'c'].map((key) => ({ key, text: key }))
        expect(await log.readers.save(lease, { deadLetters: letters.slice(0, 2), maxDeadLetters: 2 })).toEqual({ lettersLost: 0 })
        expect(await log.readers.save(lease, { deadLetters: letters.slice(2), maxDeadLetters: 2 })).toEqual({ lettersLost: 1 })
        expect(await log.readers.countDeadLetters('mail')).toBe(2)
        expect(await log.readers.deadLetters('mail')).toEqual(letters.slice(1))
        expect(await log.readers.list()).toMatchObject([{ deadLetters: 2, lettersLost: 1 }])
      })

      it('lets the oldest letters go, also of those that were moved or inherited, and none for those that were removed', async () => {
        const heir = await acquire(log, 'heir')
        await log.readers.save(heir, { deadLetters: ['a', 'b', 'c'].map((key) => ({ key, text: key })) })
        const record = { cursor: rowId(10, 1), state: '' }
        const old = await acquire(log, 'old')
        await log.readers.save(old, { record, deadLetters: ['v', 'w', 'x', 'y', 'z'].map((key) => ({ key, text: key })) })
        await log.readers.release(old)
        await log.readers.moveDeadLetter('old', 'v', 'elsewhere')
        await log.readers.removeDeadLetter('heir', 'a')
        await log.readers.place(['heir'], record, [{ id: 'old', fence: old.fence, heir: 'heir' }])
        const inherited = (await log.readers.deadLetters('heir')).map(({ key }) => key)
        expect(inherited.toSorted()).toEqual(['b', 'c', 'w', 'x', 'y', 'z'])
        const bounded = await log.readers.save(heir, { deadLetters: [{ key: 'last', text: '' }], maxDeadLetters: 3 })
        expect(bounded).toEqual({ lettersLost: 4 })
        expect(await log.readers.deadLetters('heir')).toHaveLength(3)
        expect(await log.readers.deadLetters('elsewhere')).toEqual([{ key: 'v', text: 'v' }])
      })

      it('survives being opened again', async () => {
        const lease = await acquire(log, 'mail')
        await log.readers.save(lease, { record: { cursor: rowId(10, 1), state: 's' } })
        log = await subject.reopen(log)
        expect(await log.readers.list()).toMatchObject([{ id: 'mail', cursor: rowId(10, 1), state: 's', fence: 1 }])
      })
    })

    describe('notes', () => {
      it('keeps them, and lets many agree on one', async () => {
        expect(await log.notes.get('secret')).toBeUndefined()
        expect(await log.notes.agree('secret', 'one')).toBe('one')
        expect(await log.notes.agree('secret', 'two')).toBe('one')
        await log.notes.set('secret', 'three')
        log = await subject.reopen(log)
        expect(await log.notes.get('secret')).toBe('three')
      })
    })
  })
}

/** @throws {Error} when another has it */
export async function acquire(
  log: ChangeLog,
  id: string,
  owner = 'first',
  leaseMs = LEASE_MS,
): Promise<Exclude<Awaited<ReturnType<ChangeLog['readers']['acquire']>>, { heldByOwner: string }>> {
  const lease = await log.readers.acquire(id, { owner, leaseMs })
  if ('heldByOwner' in lease) throw new Error(`"${id}" is held by ${lease.heldByOwner}.`)
  return lease
}
