import { randomUUID } from 'node:crypto'
import { FIRST_ENTRY_ID, parseEntryId, type EntryId, type LogEntry } from '@zenstack-live/protocol'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { openRedisLog, type ChangeLog, type ReadOptions } from '../src/index.ts'
import { epochMark } from './transactions.ts'

let redis: Redis
let log: ChangeLog
let name: string
let open: { disconnect(): void }[]

beforeEach(async () => {
  const url = inject('redisUrl')
  name = `test:${randomUUID()}`
  redis = new Redis(url)
  open = [redis]
  log = await openRedisLog({ url, name, limits: { debeziumIdleMs: 1, blockMs: 50 } })
})
afterEach(async () => {
  await log.close()
  for (const connection of open) connection.disconnect()
})

async function write(value: object): Promise<EntryId> {
  return parseEntryId(String(await redis.xadd(name, '*', 'key', '{"id":1}', 'value', JSON.stringify(value))))
}

const change = (order: number): Promise<EntryId> =>
  write({
    op: 'c',
    after: { id: order },
    source: { schema: 'public', table: 'User', txId: 1, lsn: 100 + order },
    transaction: { total_order: order },
  })
const end = (): Promise<EntryId> => write({ status: 'END', id: '1:200' })

/** The place of each change in its transaction, with `!` for the last. */
const places = (entries: readonly LogEntry[]): string[] =>
  entries.flatMap((entry) =>
    entry.kind === 'change' ? [`${(JSON.parse(entry.value) as { after: { id: number } }).after.id}${entry.isLastOfTransaction ? '!' : ''}`] : [],
  )

/** All pages, as who reads on until there are no more gets them. */
async function readAll(options: ReadOptions): Promise<string[][]> {
  const pages: string[][] = []
  for (let after: EntryId = FIRST_ENTRY_ID; ;) {
    const page = await log.read(after, options)
    const last = page.at(-1)
    if (last === undefined) return pages
    pages.push(places(page))
    after = last.id
  }
}

/** Resolves when the log was read several times more: by then silence would have ended a transaction without metadata. */
async function createSilence(): Promise<() => Promise<void>> {
  const monitor = await redis.monitor()
  open.push(monitor)
  return () =>
    new Promise((resolve) => {
      let reads = 0
      monitor.on('monitor', (_time: string, command: string[]) => {
        if (command[0]?.toLowerCase() === 'xread' && command.includes(name) && ++reads === 4) resolve()
      })
    })
}

describe('a transaction that Debezium is in the middle of', () => {
  it('is read without the change that may not be its last, and whole later', async () => {
    const first = await change(1)
    await change(2)
    expect(places(await log.read(FIRST_ENTRY_ID))).toEqual(['1'])
    expect(await log.read(first)).toEqual([])
    expect(await log.state()).toMatchObject({ newestLsn: 102n })
    await end()
    expect(places(await log.read(first))).toEqual(['2!'])
  })

  it('is told by what stands behind the last entry that was asked for', async () => {
    const first = await change(1)
    const second = await change(2)
    await write({ ts_ms: 1 })
    await end()
    expect(await readAll({ until: first })).toEqual([['1']])
    expect(await readAll({ until: second })).toEqual([['1'], ['2!']])
  })

  it('is read in pages no longer than others, and with its end once that is there', async () => {
    for (let order = 1; order <= 7; order++) await change(order)
    expect(await readAll({ count: 3 })).toEqual([
      ['1', '2'],
      ['3', '4'],
      ['5', '6'],
    ])
    await end()
    expect((await readAll({ count: 3 })).flat()).toEqual(['1', '2', '3', '4', '5', '6', '7!'])
  })

  it('is read once where Debezium sent it again, whatever page that falls into', async () => {
    const sent = async (last: number): Promise<void> => {
      for (let order = 1; order <= last; order++) await change(order)
    }
    await sent(4)
    await sent(6)
    await end()
    for (const count of [1, 2, 3, 4, 5, 20]) expect((await readAll({ count })).flat()).toEqual(['1', '2', '3', '4', '5', '6!'])
  })

  it('is followed as one, also from its middle and from its end', async () => {
    const [first, second] = [await change(1), await change(2)]
    const [stop, seen] = [new AbortController(), [] as LogEntry[]]
    const silence = await createSilence()
    for await (const page of log.tail(FIRST_ENTRY_ID, { signal: stop.signal })) {
      seen.push(...page)
      if (seen.length === 1)
        void silence()
          .then(() => change(3))
          .then(end)
      if (seen.length === 3) stop.abort()
    }
    expect(places(seen)).toEqual(['1', '2', '3!'])
    const next = async (after: EntryId): Promise<LogEntry[]> => {
      for await (const page of log.tail(after, { signal: AbortSignal.timeout(30_000) })) return [...page]
      return []
    }
    expect(places(await next(first))).toEqual(['2', '3!'])
    expect(places(await next(second))).toEqual(['3!'])
  })

  it('is not taken for whole where our capture goes on behind it', async () => {
    await change(1)
    await log.append([epochMark(10, 1)])
    expect((await log.read(FIRST_ENTRY_ID)).map((entry) => [entry.kind, 'isLastOfTransaction' in entry && entry.isLastOfTransaction])).toEqual([
      ['change', false],
      ['epoch', false],
    ])
  })
})

describe('a log that lacks the ends of Debezium', () => {
  /** What opening it warns of. */
  async function warnings(limits: { debeziumEndMs?: number } = {}): Promise<string[]> {
    const told: string[] = []
    const opened = await openRedisLog({ url: inject('redisUrl'), name, limits, onWarning: (message) => told.push(message) })
    await opened.close()
    return told.filter((message) => message.includes('Debezium'))
  }

  it('says so where the end of the newest transaction is overdue, also behind many heartbeats', async () => {
    const id = await change(1)
    expect(await warnings()).toEqual([])
    for (let beats = 0; beats < 150; beats++) await write({ ts_ms: beats })
    expect(await warnings({ debeziumEndMs: 0 })).toEqual([expect.stringMatching(new RegExp(`${id}.*overdue.*route "<topic.prefix>.transaction"`))])
    await end()
    await write({ ts_ms: 1 })
    expect(await warnings({ debeziumEndMs: 0 })).toEqual([])
  })

  it('says so where Debezium was not told to write them', async () => {
    await write({ op: 'c', after: { id: 1 }, source: { schema: 'public', table: 'User', txId: 1, lsn: 101 }, transaction: null })
    expect(await warnings()).toEqual([expect.stringContaining('provide.transaction.metadata=true')])
  })

  it('says nothing of rows from a snapshot, or where our capture writes now', async () => {
    await write({ op: 'r', after: { id: 1 }, source: { schema: 'public', table: 'User', txId: 1, lsn: 101 }, transaction: null })
    expect(await warnings()).toEqual([])
    await change(1)
    await log.append([epochMark(10, 1)])
    expect(await warnings({ debeziumEndMs: 0 })).toEqual([])
  })
})
