import { FIRST_ENTRY_ID, parseLsn, type EntryId, type LogBatch, type LogEntry } from '@zenstack-live/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ChangeLog } from '../src/index.ts'
import { CHANGE_LOG_LIMITS } from '../src/limits.ts'
import { acquire, readerContract } from './reader-contract.ts'
import { epochMark, ids, progress, rowId, transaction } from './transactions.ts'

export interface LogUnderTest {
  /** A fresh, empty log that samples after every entry, on a clock the test moves. */
  open(): Promise<ChangeLog>
  /** Closes this handle and opens the same log again. */
  reopen(log: ChangeLog): Promise<ChangeLog>
  /** Lets this much time pass for the log: leases, ages. */
  pass(ms: number): Promise<void>
  close(): Promise<void>
}

/** The promises of {@link ChangeLog}, asked of one implementation. */
export function changeLogContract(name: string, create: () => Promise<LogUnderTest>): void {
  describe(`${name} as a change log`, () => {
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

    describe('appending', () => {
      it('gives back every kind of entry as it was written', async () => {
        const bulk: LogBatch = {
          entries: [{ kind: 'bulk', id: rowId(40, 1), lsn: parseLsn('40'), xid: 7, isLastOfTransaction: true, tables: ['public.Task'] }],
        }
        const schema: LogBatch = {
          entries: [{ kind: 'bulk', id: rowId(50, 1), lsn: parseLsn('50'), xid: 0, reason: 'schema', isLastOfTransaction: true, tables: ['a.b'] }],
        }
        const keyless: LogBatch = { entries: transaction(60).entries.map((entry) => ({ ...entry, key: null }) as LogEntry) }
        const batches = [transaction(10, { rows: 2 }), progress(20), epochMark(30, 1), bulk, schema, keyless]
        await log.append(batches)
        expect(await log.read(FIRST_ENTRY_ID)).toEqual(batches.flatMap((batch) => batch.entries))
      })

      it('keeps the order of calls that were not awaited', async () => {
        await Promise.all(Array.from({ length: 300 }, (_, index) => log.append([transaction(1000 + index, { rows: 3 })])))
        const entries = await log.read(FIRST_ENTRY_ID, { count: 1000 })
        expect(ids(entries)).toEqual(Array.from({ length: 900 }, (_, index) => rowId(1000 + Math.floor(index / 3), (index % 3) + 1)))
      })

      it('keeps a transaction that is larger than one command', async () => {
        await log.append([transaction(10, { rows: 2500 }), transaction(20)])
        const entries = await log.read(FIRST_ENTRY_ID, { count: 5000 })
        expect(entries).toHaveLength(2501)
        expect(entries[2499]).toMatchObject({ isLastOfTransaction: true, id: rowId(10, 2500) })
        expect(entries[2498]).toMatchObject({ isLastOfTransaction: false })
      })

      it('takes a repeat of what is there for success, and keeps it once', async () => {
        await log.append([transaction(10, { rows: 2 }), transaction(20)])
        await log.append([transaction(10, { rows: 2 }), transaction(20), transaction(30)])
        expect(ids(await log.read(FIRST_ENTRY_ID))).toEqual([rowId(10, 1), rowId(10, 2), rowId(20, 1), rowId(30, 1)])
      })

      it('completes a transaction of which only the beginning is there', async () => {
        const whole = transaction(10, { rows: 4 })
        await log.append([{ entries: whole.entries.slice(0, 2) }])
        await log.append([whole])
        expect(await log.read(FIRST_ENTRY_ID)).toEqual(whole.entries)
      })

      it('refuses another transaction in the place of one that is there', async () => {
        await log.append([transaction(10, { xid: 1 }), transaction(20)])
        await expect(log.append([transaction(10, { xid: 2 })])).rejects.toMatchObject({ code: 'log_conflict' })
      })

      it('refuses a transaction behind the newest one that was never kept', async () => {
        await log.append([transaction(10), transaction(30)])
        await expect(log.append([transaction(20)])).rejects.toMatchObject({ code: 'log_conflict' })
      })

      it('takes the repeat of a transaction that retention removed for success', async () => {
        await log.append([transaction(10), transaction(20), transaction(30)])
        await log.trim({ maxEntries: 1 })
        await log.append([transaction(10), transaction(20), transaction(30), transaction(40)])
        expect((await log.read(rowId(20, 1))).map(({ id }) => id)).toEqual([rowId(30, 1), rowId(40, 1)])
      })

      it('lets a commit and a progress mark meet at one LSN, in either order', async () => {
        await log.append([progress(10), transaction(10, { rows: 2 })])
        expect(ids(await log.read(FIRST_ENTRY_ID))).toEqual([rowId(10, 0), rowId(10, 1), rowId(10, 2)])
        await log.append([progress(10)])
        expect(await log.read(FIRST_ENTRY_ID)).toHaveLength(3)
      })

      it('refuses ids that do not rise within a call', async () => {
        await expect(log.append([transaction(20), transaction(10)])).rejects.toThrow(TypeError)
      })

      it('keeps nothing behind a failed append until that one is repeated', async () => {
        await log.append([transaction(10, { xid: 1 }), transaction(15)])
        await expect(log.append([transaction(10, { xid: 2 })])).rejects.toMatchObject({ code: 'log_conflict' })
        await expect(log.append([transaction(20)])).rejects.toMatchObject({ code: 'log_unavailable' })
        await log.append([transaction(10, { xid: 1 }), transaction(15), transaction(20)])
        expect((await log.state()).newest).toBe(rowId(20, 1))
      })

      it('goes on behind the entry that is named, whatever failed before, and keeps nothing where that entry is not there', async () => {
        await log.append([transaction(10, { xid: 1 }), transaction(15)])
        await expect(log.append([transaction(10, { xid: 2 })])).rejects.toMatchObject({ code: 'log_conflict' })
        await expect(log.append([{ ...transaction(30), after: rowId(20, 1) }])).rejects.toMatchObject({ code: 'log_lost_tail' })
        expect((await log.state()).newest).toBe(rowId(15, 1))
        await log.append([{ ...transaction(30), after: rowId(15, 1) }, transaction(40)])
        expect(ids(await log.read(FIRST_ENTRY_ID))).toEqual([rowId(10, 1), rowId(15, 1), rowId(30, 1), rowId(40, 1)])
      })

      it('says up to where it is whole, and by which entry', async () => {
        const whole = async (): Promise<unknown> => (await log.state()).whole
        expect(await whole()).toBeUndefined()
        await log.append([transaction(10, { rows: 2 })])
        expect(await whole()).toEqual({ lsn: 10n, newest: rowId(10, 2) })
        await log.append([progress(20)])
        expect(await whole()).toEqual({ lsn: 20n, newest: rowId(20, 0) })
        await log.append([{ entries: transaction(30, { rows: 3 }).entries.slice(0, 2) }])
        expect(await whole()).toEqual({ lsn: 29n, newest: rowId(30, 2) })
        await log.append([epochMark(5, 2)])
        expect(await whole()).toEqual({ lsn: 5n, newest: rowId(5, 0, 2) })
      })

      it('puts a new epoch behind everything, although its LSN is lower', async () => {
        await log.append([transaction(1000)])
        await log.append([epochMark(5, 2), transaction(6, { epoch: 2 })])
        expect(ids(await log.read(FIRST_ENTRY_ID))).toEqual([rowId(1000, 1), rowId(5, 0, 2), rowId(6, 1, 2)])
        expect(await log.state()).toMatchObject({ epoch: 2, newestLsn: 6n })
      })
    })

    describe('reading', () => {
      it('begins behind the given id and stops at the wanted one', async () => {
        await log.append([transaction(10, { rows: 3 }), transaction(20), transaction(30)])
        expect(ids(await log.read(rowId(10, 2), { until: rowId(20, 1) }))).toEqual([rowId(10, 3), rowId(20, 1)])
        expect(ids(await log.read(rowId(10, 2), { count: 1 }))).toEqual([rowId(10, 3)])
        expect(await log.read(rowId(30, 1))).toEqual([])
      })

      it('describes an empty log', async () => {
        expect(await log.state()).toMatchObject({ epoch: 0, oldest: undefined, newest: undefined, newestLsn: undefined, entries: 0 })
        expect(await log.continuity(FIRST_ENTRY_ID)).toBe('ok')
      })

      it('keeps its identity and entries when it is opened again', async () => {
        const { identity } = log
        await log.append([transaction(10)])
        log = await subject.reopen(log)
        expect(log.identity).toBe(identity)
        expect(ids(await log.read(FIRST_ENTRY_ID))).toEqual([rowId(10, 1)])
      })
    })

    describe('following', () => {
      it('gives what is there, then what comes, once each and in order', async () => {
        await log.append([transaction(10), transaction(20)])
        const seen = follow(log, FIRST_ENTRY_ID, 6)
        for (let lsn = 30; lsn <= 60; lsn += 10) await log.append([transaction(lsn)])
        expect(await seen).toEqual([10, 20, 30, 40, 50, 60].map((lsn) => rowId(lsn, 1)))
      })

      it('gives pages no larger than asked for', async () => {
        await log.append([transaction(10, { rows: 25 })])
        const stop = new AbortController()
        const sizes: number[] = []
        for await (const page of log.tail(FIRST_ENTRY_ID, { signal: stop.signal, count: 10 })) {
          sizes.push(page.length)
          if (page.some((entry) => entry.kind === 'change' && entry.isLastOfTransaction)) break
        }
        expect(sizes).toEqual([10, 10, 5])
      })

      it('gives large entries in shorter pages, one larger than a page by itself, and loses none', async () => {
        const [large, huge] = [CHANGE_LOG_LIMITS.readBytes / 4, CHANGE_LOG_LIMITS.readBytes + 1]
        const rows = [...Array.from({ length: 7 }, () => large), huge, 10, 10]
        for (const [index, padding] of rows.entries()) await log.append([transaction(10 + index, { padding })])
        const wanted = rows.map((_, index) => rowId(10 + index, 1))
        const pages: (readonly LogEntry[])[] = []
        const stop = new AbortController()
        for await (const page of log.tail(FIRST_ENTRY_ID, { signal: stop.signal })) {
          pages.push(page)
          if (pages.flat().length >= rows.length) break
        }
        expect(pages.flatMap(ids)).toEqual(wanted)
        expect(pages.map(({ length }) => length)).toEqual([3, 3, 1, 1, 2])
        const read: EntryId[] = []
        for (let page = await log.read(FIRST_ENTRY_ID); page.length > 0; page = await log.read(read.at(-1) ?? FIRST_ENTRY_ID)) read.push(...ids(page))
        expect(read).toEqual(wanted)
      })

      it('ends when the signal aborts while it waits', async () => {
        const stop = new AbortController()
        const ended = (async () => {
          for await (const page of log.tail(FIRST_ENTRY_ID, { signal: stop.signal })) void page
        })()
        stop.abort()
        await expect(ended).resolves.toBeUndefined()
      })

      it('fails when the log is closed under it', async () => {
        await log.append([transaction(10)])
        const tail = log.tail(FIRST_ENTRY_ID, { signal: new AbortController().signal })[Symbol.asyncIterator]()
        await tail.next()
        const next = expect(tail.next()).rejects.toMatchObject({ code: 'log_unavailable' })
        await log.close()
        await next
      })

      it('lets many followers see everything', async () => {
        const followers = Array.from({ length: 5 }, () => follow(log, FIRST_ENTRY_ID, 20))
        for (let lsn = 1; lsn <= 20; lsn++) await log.append([transaction(lsn)])
        for (const seen of await Promise.all(followers)) expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => rowId(index + 1, 1)))
      })

      it('says so when what follows was removed', async () => {
        for (let lsn = 10; lsn <= 50; lsn += 10) await log.append([transaction(lsn)])
        await log.trim({ maxEntries: 2 })
        await expect(follow(log, rowId(10, 1), 1)).rejects.toMatchObject({ code: 'log_gap' })
        await expect(follow(log, FIRST_ENTRY_ID, 1)).rejects.toMatchObject({ code: 'log_gap' })
        expect(await follow(log, rowId(30, 1), 2)).toEqual([rowId(40, 1), rowId(50, 1)])
      })

      it('says so though another follower has read what was let go', async () => {
        for (let lsn = 10; lsn < 50; lsn += 10) await log.append([transaction(lsn)])
        const stop = new AbortController()
        const other = log.tail(FIRST_ENTRY_ID, { signal: stop.signal })[Symbol.asyncIterator]()
        await other.next()
        await log.trim({ maxEntries: 2 })
        await expect(follow(log, rowId(10, 1), 1)).rejects.toMatchObject({ code: 'log_gap' })
        stop.abort()
        await other.return?.()
      })

      it('says so when retention overtakes a follower that reads', async () => {
        const rows = CHANGE_LOG_LIMITS.readEntries
        for (let lsn = 10; lsn <= 60; lsn += 10) await log.append([transaction(lsn, { rows })])
        const tail = log.tail(FIRST_ENTRY_ID, { signal: new AbortController().signal })[Symbol.asyncIterator]()
        expect((await tail.next()).value).toHaveLength(rows)
        await log.trim({ maxEntries: 1 })
        const rest = async (): Promise<void> => {
          // One page may have been on its way.
          for (let pages = 0; pages < 2; pages++) await tail.next()
        }
        await expect(rest()).rejects.toMatchObject({ code: 'log_gap' })
      })
    })

    describe('continuity', () => {
      it('tells a place that can be continued from one that cannot', async () => {
        for (let lsn = 10; lsn <= 50; lsn += 10) await log.append([transaction(lsn)])
        await log.trim({ maxEntries: 2 })
        const { beginning } = await log.state()
        expect(beginning).toBe(rowId(30, 1))
        expect(ids(await log.read(beginning))).toEqual([rowId(40, 1), rowId(50, 1)])
        expect(await log.continuity(rowId(50, 1))).toBe('ok')
        expect(await log.continuity(rowId(40, 1))).toBe('ok')
        expect(await log.continuity(rowId(30, 1))).toBe('ok')
        expect(await log.continuity(rowId(20, 1))).toBe('gap')
        expect(await log.continuity(FIRST_ENTRY_ID)).toBe('gap')
        expect(await log.continuity(rowId(60, 1))).toBe('foreign')
      })

      it('continues from a progress mark that is not there any more', async () => {
        await log.append([transaction(10), transaction(30)])
        expect(await log.continuity(rowId(20, 0))).toBe('ok')
      })
    })

    describe('retention', () => {
      it('keeps at least what the limits allow', async () => {
        for (let lsn = 1; lsn <= 100; lsn++) await log.append([transaction(lsn)])
        expect(await log.trim({ maxEntries: 30 })).toEqual({ removed: 70, heldBackBy: undefined, overtaken: [] })
        expect(await log.state()).toMatchObject({ entries: 30, oldest: rowId(71, 1) })
        expect(await log.trim({ maxEntries: 30 })).toMatchObject({ removed: 0 })
      })

      it('removes by age', async () => {
        await log.append([transaction(10)])
        await subject.pass(6_000)
        await log.append([transaction(20)])
        await log.append([transaction(30)])
        await log.trim({ maxAgeMs: 5_000 })
        expect((await log.state()).oldest).toBe(rowId(20, 1))
      })

      it('removes by size', async () => {
        for (let lsn = 1; lsn <= 60; lsn++) await log.append([transaction(lsn, { rows: 20, padding: 1000 })])
        const { bytes } = await log.state()
        if (bytes === undefined) throw new Error('This log does not know its size.')
        expect(bytes).toBeGreaterThan(1_000_000)
        await log.trim({ maxBytes: 500_000 })
        const after = await log.state()
        expect(after.entries).toBeLessThan(700)
        expect(after.entries).toBeGreaterThan(200)
      })

      it('removes a transaction whole or not at all, and never the newest', async () => {
        await log.append([transaction(10, { rows: 5 })])
        await log.append([transaction(20, { rows: 5 })])
        await log.trim({ maxEntries: 3 })
        expect((await log.state()).oldest).toBe(rowId(20, 1))
        await log.trim({ maxEntries: 0 })
        expect(await log.state()).toMatchObject({ entries: 5, oldest: rowId(20, 1) })
      })

      it('waits for the slowest reader, up to the hard limit, and names it', async () => {
        const lease = await acquire(log, 'slow')
        for (let lsn = 1; lsn <= 20; lsn++) await log.append([transaction(lsn)])
        await log.readers.save(lease, { record: { cursor: rowId(5, 1), state: '' } })
        expect(await log.trim({ maxEntries: 4, hardFactor: 4 })).toEqual({ removed: 5, heldBackBy: 'slow', overtaken: [] })
        expect(await log.continuity(rowId(5, 1))).toBe('ok')
        for (let lsn = 21; lsn <= 40; lsn++) await log.append([transaction(lsn)])
        expect(await log.trim({ maxEntries: 4, hardFactor: 4 })).toMatchObject({ overtaken: ['slow'] })
        expect((await log.state()).entries).toBe(16)
        expect(await log.continuity(rowId(5, 1))).toBe('gap')
      })

      it('keeps everything without limits', async () => {
        await log.append([transaction(10), transaction(20)])
        expect(await log.trim({})).toEqual({ removed: 0, heldBackBy: undefined, overtaken: [] })
      })

      it('finds the place of a time', async () => {
        await log.append([transaction(10)])
        const [sample] = [await currentTime(log)]
        await subject.pass(1500)
        await log.append([transaction(20)])
        expect(await log.positionAt(sample + 1000)).toBe(rowId(10, 1))
        expect(await log.positionAt(0)).toBe(FIRST_ENTRY_ID)
        await log.trim({ maxEntries: 1 })
        expect(await log.positionAt(0)).toBeUndefined()
      })
    })
  })
  readerContract(name, create)
}

async function follow(log: ChangeLog, after: EntryId, count: number): Promise<EntryId[]> {
  const seen: EntryId[] = []
  const stop = new AbortController()
  for await (const page of log.tail(after, { signal: stop.signal })) {
    seen.push(...ids(page))
    if (seen.length >= count) break
  }
  return seen
}

/** The log's own clock: the moment a reader was saved. */
async function currentTime(log: ChangeLog): Promise<number> {
  const lease = await acquire(log, 'clock')
  await log.readers.save(lease, { record: { cursor: FIRST_ENTRY_ID, state: '' } })
  const [info] = await log.readers.list()
  await log.readers.drop(['clock'])
  return info?.savedAtMs ?? Number.NaN
}
