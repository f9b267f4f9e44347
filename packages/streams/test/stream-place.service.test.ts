import type { ReaderInfo } from '@zenstack-live/change-log'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { beforeAfter } from '../src/index.ts'
import { openLab, type Lab } from './support/lab.ts'
import { PATIENCE_MS } from './support/patience.ts'
import { started } from './support/started.ts'
import { take, takeAndAcknowledge } from './support/take.ts'

let lab: Lab

beforeAll(async () => {
  lab = await openLab()
})
afterAll(() => lab.close())

describe('the place of a stream', () => {
  it('stays before an event until the next one is asked for', async () => {
    const streams = lab.process()
    const body = lab.freshName()
    await lab.db.note.createMany({ data: [1, 2, 3].map((rank) => ({ ownerId: 'ann', body, rank })) })
    const open = () => streams.stream({ model: 'Note', id: body, start: 'beginning', created: { body } })
    expect((await take(open(), 2)).map((event) => event.created.rank)).toEqual([1, 2])
    expect((await take(open(), 2)).map((event) => event.created.rank)).toEqual([2, 3])
    expect((await takeAndAcknowledge(open(), 1)).map((event) => event.created.rank)).toEqual([3])
    await lab.db.note.create({ data: { ownerId: 'ann', body, rank: 4 } })
    expect((await take(open(), 1)).map((event) => event.created.rank)).toEqual([4])
  })

  it('brings what happened while nobody ran, under a changed filter too', async () => {
    const body = lab.freshName()
    const first = lab.process()
    await takeAndAcknowledge(first.stream({ model: 'Note', id: body, start: 'beginning', created: { body: await noted(body, 1) } }), 1)
    await first.close()
    await noted(body, 2)
    await noted(body, 3)
    const second = lab.process()
    const events = await take(second.stream({ model: 'Note', id: body, created: { body, rank: { gt: 2 } } }), 1)
    expect(events.map((event) => event.created.rank)).toEqual([3])
  })

  it('begins now, at the beginning, at a date, or behind an event, as it is told', async () => {
    const streams = lab.process()
    const body = lab.freshName()
    await noted(body, 1)
    await lab.caughtUp()
    const cut = new Date(Date.now() + 5)
    await new Promise((resolve) => setTimeout(resolve, 20))
    await noted(body, 2)
    await lab.caughtUp()
    const now = streams.stream({ model: 'Note', id: `${body}-now`, created: { body } })[Symbol.asyncIterator]()
    const next = now.next()
    await started(lab, `${body}-now`)
    await noted(body, 3)
    expect((await next).value?.created.rank).toBe(3)
    const beginning = await take(streams.stream({ model: 'Note', id: `${body}-b`, start: 'beginning', created: { body } }), 3)
    expect(beginning.map((event) => event.created.rank)).toEqual([1, 2, 3])
    const dated = await take(streams.stream({ model: 'Note', id: `${body}-d`, start: cut, created: { body } }), 2)
    expect(dated.map((event) => event.created.rank)).toEqual([2, 3])
    const [, second] = beginning
    if (second === undefined) throw new Error('There is no second event.')
    const behind = await take(streams.stream({ model: 'Note', id: `${body}-p`, start: { after: second.position }, created: { body } }), 1)
    expect(behind.map((event) => event.created.rank)).toEqual([3])
  })

  it('belongs to one process at a time, and another takes over when it goes', async () => {
    const body = lab.freshName()
    const [one, two] = [lab.process(), lab.process()]
    const seen: string[] = []
    const run = async (name: string, stream: AsyncIterable<{ created: { rank: number } }>): Promise<void> => {
      for await (const event of stream) seen.push(`${name}${event.created.rank}`)
    }
    const options = { model: 'Note', id: body, start: 'beginning', created: { body } } as const
    const first = run('a', one.stream(options))
    await started(lab, body)
    const second = run('b', two.stream(options))
    await noted(body, 1)
    await noted(body, 2)
    await vi.waitFor(() => expect(seen).toEqual(['a1', 'a2']), PATIENCE_MS)
    await one.close()
    await first
    await noted(body, 3)
    await vi.waitFor(() => expect(seen).toEqual(['a1', 'a2', 'b3']), PATIENCE_MS)
    await two.close()
    await second
  })

  it('does not take events of other ids', async () => {
    const body = lab.freshName()
    const streams = lab.process()
    await noted(body, 1)
    for (const name of ['a', 'b', 'c']) {
      expect(await take(streams.stream({ model: 'Note', id: `${body}-${name}`, start: 'beginning', created: { body } }), 1)).toHaveLength(1)
    }
  })
})

describe('ending a stream', () => {
  it('by its signal saves the place and lets the loop end', async () => {
    const streams = lab.process()
    const body = lab.freshName()
    const stop = new AbortController()
    await noted(body, 1)
    const ranks: number[] = []
    for await (const event of streams.stream({ model: 'Note', id: body, start: 'beginning', created: { body }, signal: stop.signal })) {
      ranks.push(event.created.rank)
      stop.abort()
    }
    expect(ranks).toEqual([1])
    const [info] = (await streams.admin.list()).filter(({ id }) => id === body)
    expect(info?.partitions).toMatchObject([{ owner: undefined, lagBytes: expect.any(BigInt) }])
    await noted(body, 2)
    expect((await take(streams.stream({ model: 'Note', id: body, created: { body } }), 1)).map((event) => event.created.rank)).toEqual([2])
  })

  it('by dropping its id lets the process that runs it begin anew', async () => {
    const streams = lab.process()
    const body = lab.freshName()
    const iterator = streams.stream({ model: 'Note', id: body, created: { body }, leaseMs: 300 })[Symbol.asyncIterator]()
    const next = iterator.next()
    await started(lab, body)
    expect(await streams.admin.drop(body)).toBe(true)
    // It notices with its next sign of life, and begins anew.
    const isAnew = ({ id, fence, cursor }: ReaderInfo): boolean => id === body && fence > 1 && cursor !== undefined
    await vi.waitFor(async () => expect((await lab.log.readers.list()).some(isAnew)).toBe(true), PATIENCE_MS)
    await noted(body, 1)
    await iterator.return?.()
    await next
  })
})

describe('partitions', () => {
  it('divide the rows among processes, each row always in one part and in order', async () => {
    const body = lab.freshName()
    const processes = [lab.process(), lab.process()]
    const seen: { process: number; key: string; rank: number }[] = []
    const loops = processes.map(async (streams, process) => {
      const stream = streams.stream({
        model: 'Note',
        id: body,
        start: 'beginning',
        partitions: 4,
        leaseMs: 5_000,
        created: { body },
        updated: { after: { body } },
      })
      for await (const event of stream) {
        const { after } = beforeAfter(event)
        seen.push({ process, key: event.key, rank: after.rank })
      }
    })
    await vi.waitFor(async () => expect(await owners(body)).toHaveLength(4), PATIENCE_MS)
    await vi.waitFor(async () => expect(new Set(await owners(body)).size).toBe(2), PATIENCE_MS)
    await lab.db.note.createMany({ data: Array.from({ length: 40 }, () => ({ ownerId: 'ann', body, rank: 0 })) })
    await vi.waitFor(() => expect(seen).toHaveLength(40), PATIENCE_MS)
    expect(new Set(seen.map(({ process }) => process)).size).toBe(2)
    const keys = new Set(seen.map(({ key }) => key))
    expect(keys.size).toBe(40)
    await processes[0]?.close()
    await vi.waitFor(async () => expect(new Set(await owners(body)).size).toBe(1), PATIENCE_MS)
    await processes[1]?.close()
    await Promise.all(loops)
  })

  it('can be changed: what was not handled before still comes', async () => {
    const body = lab.freshName()
    const first = lab.process()
    await lab.db.note.createMany({ data: Array.from({ length: 10 }, (_, rank) => ({ ownerId: 'ann', body, rank })) })
    await takeAndAcknowledge(first.stream({ model: 'Note', id: body, start: 'beginning', partitions: 3, created: { body } }), 10)
    await lab.db.note.createMany({ data: Array.from({ length: 10 }, (_, rank) => ({ ownerId: 'ann', body, rank: rank + 10 })) })
    const second = lab.process()
    const seen = new Set<number>()
    for await (const event of second.stream({ model: 'Note', id: body, created: { body } })) {
      seen.add(event.created.rank)
      if ([...Array(10).keys()].some((rank) => !seen.has(rank + 10))) continue
      await vi.waitFor(async () => expect((await second.admin.list()).find(({ id }) => id === body)?.partitions).toHaveLength(1), PATIENCE_MS)
      break
    }
  })

  it('can be changed: dead letters stay, and are delivered again', async () => {
    const body = lab.freshName()
    const first = lab.process()
    await noted(body, 1)
    const options = { model: 'Note', id: body, start: 'beginning', created: { body } } as const
    const failing = first.handle(
      options,
      () => {
        throw new Error('not yet')
      },
      { maxDeliveries: 1 },
    )
    await vi.waitFor(async () => expect(await first.admin.deadLetters(body)).toHaveLength(1), PATIENCE_MS)
    await failing.close()
    const second = lab.process()
    const ranks: number[] = []
    const handle = second.handle({ ...options, partitions: 2, leaseMs: 300 }, ({ created }) => void ranks.push(created.rank))
    const parts = async () => (await second.admin.list()).find(({ id }) => id === body)?.partitions.map(({ partitions }) => partitions)
    await vi.waitFor(async () => expect(await parts()).toEqual([2, 2]), PATIENCE_MS)
    expect(await second.admin.deadLetters(body)).toHaveLength(1)
    expect(await second.admin.replay(body)).toBe(1)
    await vi.waitFor(() => expect(ranks).toEqual([1]), PATIENCE_MS)
    await handle.close()
  })
})

async function noted(body: string, rank: number): Promise<string> {
  await lab.db.note.create({ data: { ownerId: 'ann', body, rank } })
  return body
}

async function owners(id: string): Promise<string[]> {
  const readers = await lab.log.readers.list()
  return readers.filter((reader) => reader.id.startsWith(`${id}#`)).flatMap(({ owner }) => (owner === undefined ? [] : [owner]))
}
