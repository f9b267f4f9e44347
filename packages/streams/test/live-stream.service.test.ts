import type { Services } from '@zenstack-live/testing'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { beforeAfter, StreamGapError } from '../src/index.ts'
import { openLab, type Lab } from './support/lab.ts'

let lab: Lab
let nextId = 1

beforeAll(async () => {
  const url: Services['postgresUrl'] = inject('postgresUrl')
  lab = await openLab(url)
})
afterAll(() => lab.close())

/** A fresh name for a stream, and for the rows of a test. */
const fresh = (): string => `stream-${nextId++}`

async function take<Event>(stream: AsyncIterable<Event>, count: number): Promise<Event[]> {
  const events: Event[] = []
  for await (const event of stream) if (events.push(event) === count) break
  return events
}

/** Acknowledges all of them: asks for one more, which a sentinel brings. */
async function takeAndAcknowledge<Event>(stream: { close(): Promise<void> } & AsyncIterable<Event>, count: number): Promise<Event[]> {
  const events: Event[] = []
  for await (const event of stream) {
    events.push(event)
    if (events.length === count) void Promise.resolve().then(() => stream.close())
  }
  return events
}

describe('a stream', () => {
  it('gives created rows as the client returns them', async () => {
    const streams = lab.process()
    const body = fresh()
    const stream = streams.stream({ model: 'Note', id: body, start: 'beginning', created: { body } })
    const created = await lab.db.note.create({
      data: {
        ownerId: 'ann',
        body,
        size: 9007199254740993n,
        score: '12.50',
        data: { a: [1, null] },
        tags: ['x', 'ÿ'],
        at: new Date('2026-01-02T03:04:05.678Z'),
      },
    })
    const [event] = await take(stream, 1)
    expect(event).toMatchObject({
      type: 'created',
      model: 'Note',
      key: String(created.id),
      date: expect.any(Date),
      transactionId: expect.any(Number),
    })
    expect(event?.created).toEqual(await lab.db.note.findUnique({ where: { id: created.id } }))
  })

  it('gives every kind of event, in order, made by whatever wrote', async () => {
    const streams = lab.process()
    const id = fresh()
    const stream = streams.stream({ model: 'Task', id, start: 'now', created: {}, updated: {}, deleted: {} })
    const iterator = stream[Symbol.asyncIterator]()
    const first = iterator.next()
    await started(id)
    await lab.db.space.create({ data: { id, name: id } })
    await lab.db.task.create({ data: { id, spaceId: id, title: 'one', ownerId: 'ann' } })
    await lab.sql(`UPDATE "Task" SET title = 'two' WHERE id = $1`, [id])
    await lab.sql(`DELETE FROM "Task" WHERE id = $1`, [id])
    const events = [await first, await iterator.next(), await iterator.next()].flatMap(({ value }) => (value === undefined ? [] : [value]))
    expect(events.map((event) => event.type)).toEqual(['created', 'updated', 'deleted'])
    expect(events.map((event) => titles(beforeAfter(event)))).toEqual([
      [undefined, 'one'],
      ['one', 'two'],
      ['two', undefined],
    ])
    await iterator.return?.()
  })

  it('fires a transition once, and only on the transition', async () => {
    const streams = lab.process()
    const id = fresh()
    await lab.db.space.create({ data: { id, name: id } })
    const into = streams.stream({ model: 'Task', id: `${id}-in`, start: 'beginning', updated: { after: { id, status: 'DONE' } } })
    const outOf = streams.stream({ model: 'Task', id: `${id}-out`, start: 'beginning', updated: { before: { id, status: 'DONE' } } })
    const fromTo = streams.stream({
      model: 'Task',
      id: `${id}-ft`,
      start: 'beginning',
      updated: { before: { id, status: 'OPEN' }, after: { status: 'DONE' } },
    })
    await lab.db.task.create({ data: { id, spaceId: id, title: 'a', ownerId: 'ann', status: 'DONE' } })
    for (const [status, title] of [
      ['DONE', 'b'],
      ['OPEN', 'c'],
      ['DOING', 'd'],
      ['DONE', 'e'],
      ['DONE', 'f'],
      ['OPEN', 'g'],
      ['DONE', 'h'],
    ] as const) {
      await lab.db.task.update({ where: { id }, data: { status, title } })
    }
    expect((await take(into, 2)).map((event) => event.updated.after.title)).toEqual(['e', 'h'])
    expect((await take(outOf, 2)).map((event) => event.updated.after.title)).toEqual(['c', 'g'])
    expect((await take(fromTo, 1)).map((event) => event.updated.after.title)).toEqual(['h'])
  })

  it('filters by JSON, lists, dates, nulls and negation as SQL does', async () => {
    const streams = lab.process()
    const body = fresh()
    const base = { ownerId: 'ann', body }
    await lab.db.note.createMany({
      data: [
        { ...base, rank: 1, data: { kind: 'a', n: 1 }, tags: ['x'], secret: null },
        { ...base, rank: 2, data: { kind: 'b', n: 2 }, tags: ['x', 'y'], secret: 's' },
        { ...base, rank: 3, tags: [], secret: 't', at: new Date('2020-01-01') },
      ],
    })
    const ranks = async (
      name: string,
      created: Parameters<typeof streams.stream<'Note', 'created'>>[0]['created'],
      count: number,
    ): Promise<number[]> => {
      const stream = streams.stream({ model: 'Note', id: `${body}-${name}`, start: 'beginning', created: { AND: [{ body }, created ?? {}] } })
      return (await take(stream, count)).map((event) => event.created.rank)
    }
    expect(await ranks('json', { data: { path: '$.kind', equals: 'b' } }, 1)).toEqual([2])
    expect(await ranks('list', { tags: { hasEvery: ['x', 'y'] } }, 1)).toEqual([2])
    expect(await ranks('date', { at: { lt: new Date('2021-01-01') } }, 1)).toEqual([3])
    expect(await ranks('null', { secret: null }, 1)).toEqual([1])
    expect(await ranks('not', { NOT: { secret: 's' } }, 1)).toEqual([3])
  })

  it('filters by relations, through the database', async () => {
    const streams = lab.process()
    const id = fresh()
    await lab.db.user.create({ data: { id: `${id}-bob`, name: 'Bob' } })
    await lab.db.note.createMany({
      data: [
        { ownerId: 'ann', body: id, rank: 1 },
        { ownerId: `${id}-bob`, body: id, rank: 2 },
      ],
    })
    const byOwner = streams.stream({ model: 'Note', id: `${id}-owner`, start: 'beginning', created: { body: id, owner: { name: 'Bob' } } })
    expect((await take(byOwner, 1)).map((event) => event.created.rank)).toEqual([2])
    const notByOwner = streams.stream({
      model: 'Note',
      id: `${id}-not`,
      start: 'beginning',
      created: { body: id, NOT: { owner: { is: { name: 'Bob' } } } },
    })
    expect((await take(notByOwner, 1)).map((event) => event.created.rank)).toEqual([1])
    await lab.sql('DELETE FROM "Note" WHERE body = $1', [id])
    const deleted = streams.stream({ model: 'Note', id: `${id}-gone`, start: 'beginning', deleted: { body: id, owner: { isNot: { name: 'Ann' } } } })
    expect((await take(deleted, 1)).map((event) => event.deleted.rank)).toEqual([2])
    const toMany = streams.stream({ model: 'User', id: `${id}-many`, start: 'beginning', created: { id: { startsWith: id }, notes: { none: {} } } })
    expect((await take(toMany, 1)).map((event) => event.created.name)).toEqual(['Bob'])
  })

  it('shows a changed key as the old row deleted and the new one created', async () => {
    const streams = lab.process()
    const id = fresh()
    await lab.db.user.create({ data: { id, name: 'before' } })
    await lab.sql('UPDATE "User" SET id = $2 WHERE id = $1', [id, `${id}-new`])
    const stream = streams.stream({ model: 'User', id, start: 'beginning', created: { id: { startsWith: id } }, updated: {}, deleted: { id } })
    expect((await take(stream, 3)).map((event) => [event.type, event.key])).toEqual([
      ['created', id],
      ['deleted', id],
      ['created', `${id}-new`],
    ])
  })
})

describe('the place of a stream', () => {
  it('stays before an event until the next one is asked for', async () => {
    const streams = lab.process()
    const body = fresh()
    await lab.db.note.createMany({ data: [1, 2, 3].map((rank) => ({ ownerId: 'ann', body, rank })) })
    const open = () => streams.stream({ model: 'Note', id: body, start: 'beginning', created: { body } })
    expect((await take(open(), 2)).map((event) => event.created.rank)).toEqual([1, 2])
    expect((await take(open(), 2)).map((event) => event.created.rank)).toEqual([2, 3])
    expect((await takeAndAcknowledge(open(), 1)).map((event) => event.created.rank)).toEqual([3])
    await lab.db.note.create({ data: { ownerId: 'ann', body, rank: 4 } })
    expect((await take(open(), 1)).map((event) => event.created.rank)).toEqual([4])
  })

  it('brings what happened while nobody ran, under a changed filter too', async () => {
    const body = fresh()
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
    const body = fresh()
    await noted(body, 1)
    await lab.caughtUp()
    const cut = new Date(Date.now() + 5)
    await new Promise((resolve) => setTimeout(resolve, 20))
    await noted(body, 2)
    await lab.caughtUp()
    const now = streams.stream({ model: 'Note', id: `${body}-now`, created: { body } })[Symbol.asyncIterator]()
    const next = now.next()
    await started(`${body}-now`)
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
    const body = fresh()
    const [one, two] = [lab.process(), lab.process()]
    const seen: string[] = []
    const run = async (name: string, stream: AsyncIterable<{ created: { rank: number } }>): Promise<void> => {
      for await (const event of stream) seen.push(`${name}${event.created.rank}`)
    }
    const options = { model: 'Note', id: body, start: 'beginning', created: { body } } as const
    const first = run('a', one.stream(options))
    await started(body)
    const second = run('b', two.stream(options))
    await noted(body, 1)
    await noted(body, 2)
    await vi.waitFor(() => expect(seen).toEqual(['a1', 'a2']), 5000)
    await one.close()
    await first
    await noted(body, 3)
    await vi.waitFor(() => expect(seen).toEqual(['a1', 'a2', 'b3']), 5000)
    await two.close()
    await second
  })

  it('does not take events of other ids', async () => {
    const body = fresh()
    const streams = lab.process()
    await noted(body, 1)
    for (const name of ['a', 'b', 'c']) {
      expect(await take(streams.stream({ model: 'Note', id: `${body}-${name}`, start: 'beginning', created: { body } }), 1)).toHaveLength(1)
    }
  })
})

describe('batches', () => {
  it('hold what is ready, in order, and are acknowledged whole', async () => {
    const streams = lab.process()
    const body = fresh()
    await lab.db.note.createMany({ data: Array.from({ length: 25 }, (_, rank) => ({ ownerId: 'ann', body, rank })) })
    await lab.caughtUp()
    const stream = streams.stream({ model: 'Note', id: body, start: 'beginning', created: { body } })
    const ranks: number[] = []
    for await (const batch of stream.batches(10)) {
      expect(batch.length).toBeLessThanOrEqual(10)
      ranks.push(...batch.map((event) => event.created.rank))
      if (ranks.length === 25) break
    }
    expect(ranks).toEqual(Array.from({ length: 25 }, (_, rank) => rank))
    expect(() => stream.batches(0)).toThrow(TypeError)
  })
})

describe('ending a stream', () => {
  it('by its signal saves the place and lets the loop end', async () => {
    const streams = lab.process()
    const body = fresh()
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

  it('by dropping its id stops the process that runs it', async () => {
    const streams = lab.process()
    const body = fresh()
    const iterator = streams.stream({ model: 'Note', id: body, created: { body }, leaseMs: 300 })[Symbol.asyncIterator]()
    const next = iterator.next()
    await started(body)
    expect(await streams.admin.drop(body)).toBe(true)
    // It notices with its next sign of life, and begins anew.
    await vi.waitFor(async () => expect((await lab.log.readers.list()).some(({ id, fence }) => id === body && fence === 1)).toBe(true), 5000)
    await noted(body, 1)
    await iterator.return?.()
    await next
  })
})

describe('partitions', () => {
  it('divide the rows among processes, each row always in one part and in order', async () => {
    const body = fresh()
    const processes = [lab.process(), lab.process()]
    const seen: { process: number; key: string; rank: number }[] = []
    const loops = processes.map(async (streams, process) => {
      const stream = streams.stream({
        model: 'Note',
        id: body,
        start: 'beginning',
        partitions: 4,
        leaseMs: 600,
        created: { body },
        updated: { after: { body } },
      })
      for await (const event of stream) {
        const { after } = beforeAfter(event)
        seen.push({ process, key: event.key, rank: after.rank })
      }
    })
    await vi.waitFor(async () => expect(await owners(body)).toHaveLength(4), 10_000)
    await vi.waitFor(async () => expect(new Set(await owners(body)).size).toBe(2), 10_000)
    await lab.db.note.createMany({ data: Array.from({ length: 40 }, () => ({ ownerId: 'ann', body, rank: 0 })) })
    await vi.waitFor(() => expect(seen).toHaveLength(40), 10_000)
    expect(new Set(seen.map(({ process }) => process)).size).toBe(2)
    const keys = new Set(seen.map(({ key }) => key))
    expect(keys.size).toBe(40)
    await processes[0]?.close()
    await vi.waitFor(async () => expect(new Set(await owners(body)).size).toBe(1), 10_000)
    await processes[1]?.close()
    await Promise.all(loops)
  })

  it('can be changed: what was not handled before still comes', async () => {
    const body = fresh()
    const first = lab.process()
    await lab.db.note.createMany({ data: Array.from({ length: 10 }, (_, rank) => ({ ownerId: 'ann', body, rank })) })
    await takeAndAcknowledge(first.stream({ model: 'Note', id: body, start: 'beginning', partitions: 3, created: { body } }), 10)
    await lab.db.note.createMany({ data: Array.from({ length: 10 }, (_, rank) => ({ ownerId: 'ann', body, rank: rank + 10 })) })
    const second = lab.process()
    const seen = new Set<number>()
    for await (const event of second.stream({ model: 'Note', id: body, created: { body } })) {
      seen.add(event.created.rank)
      if ([...Array(10).keys()].some((rank) => !seen.has(rank + 10))) continue
      await vi.waitFor(async () => expect((await second.admin.list()).find(({ id }) => id === body)?.partitions).toHaveLength(1), 5000)
      break
    }
  })
})

describe('what cannot be streamed', () => {
  it('is refused before anything is read', async () => {
    const streams = lab.process()
    const wrong = streams.stream({ model: 'Note', id: fresh(), created: { bodyy: 'x' } as object })
    await expect(take(wrong, 1)).rejects.toMatchObject({ code: 'bad_arguments' })
    expect(() => streams.stream({ model: 'Note', id: 'a b', created: {} })).toThrow(TypeError)
    expect(() => streams.stream({ model: 'Note', id: 'nothing' })).toThrow(/asks for nothing/)
    expect(() => streams.stream({ model: 'Note', id: 'x', created: {}, partitions: 0 })).toThrow(TypeError)
    await expect(take(streams.stream({ model: 'Nobody' as 'Note', id: fresh(), created: {} }), 1)).rejects.toMatchObject({ code: 'unknown_model' })
  })

  it('because it was truncated is a gap for those who follow deletions, and for them alone', async () => {
    const streams = lab.process()
    const id = fresh()
    await lab.db.space.create({ data: { id, name: id } })
    await lab.db.task.create({ data: { id, spaceId: id, title: 'x', ownerId: 'ann' } })
    await lab.sql('TRUNCATE "Comment", "Task"')
    await lab.db.task.create({ data: { id: `${id}-2`, spaceId: id, title: 'y', ownerId: 'ann' } })
    const created = await take(streams.stream({ model: 'Task', id: `${id}-c`, start: 'beginning', created: { spaceId: id } }), 2)
    expect(created).toHaveLength(2)
    const seen: string[] = []
    const following = (async () => {
      for await (const event of streams.stream({ model: 'Task', id: `${id}-d`, start: { after: created[0]?.position ?? '' }, deleted: {} }))
        seen.push(event.key)
    })()
    await expect(following).rejects.toThrow(StreamGapError)
    await expect(take(streams.stream({ model: 'Task', id: `${id}-d`, deleted: {} }), 1)).rejects.toMatchObject({
      code: 'stream_gap',
      gap: { reason: 'truncate' },
    })
    const onGap = vi.fn<() => void>()
    const iterator = streams.stream({ model: 'Task', id: `${id}-d`, deleted: {}, onGap })[Symbol.asyncIterator]()
    const next = iterator.next()
    await vi.waitFor(() => expect(onGap).toHaveBeenCalledOnce(), 5000)
    await lab.db.task.delete({ where: { id: `${id}-2` } })
    expect((await next).value?.key).toBe(`${id}-2`)
    await iterator.return?.()
  })
})

async function noted(body: string, rank: number): Promise<string> {
  await lab.db.note.create({ data: { ownerId: 'ann', body, rank } })
  return body
}

/** Resolves when a process owns the id and its place is kept. */
async function started(id: string): Promise<void> {
  await vi.waitFor(async () => {
    const info = (await lab.log.readers.list()).find((reader) => reader.id === id)
    expect(info).toMatchObject({ owner: expect.any(String), cursor: expect.any(String) })
  }, 5000)
}

async function owners(id: string): Promise<string[]> {
  const readers = await lab.log.readers.list()
  return readers.filter((reader) => reader.id.startsWith(`${id}#`)).flatMap(({ owner }) => (owner === undefined ? [] : [owner]))
}

function titles({ before, after }: { before: { title: string } | null; after: { title: string } | null }): (string | undefined)[] {
  return [before?.title, after?.title]
}
