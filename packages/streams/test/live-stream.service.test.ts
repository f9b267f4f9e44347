import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { beforeAfter, StreamGapError } from '../src/index.ts'
import { openLab, type Lab } from './support/lab.ts'
import { PATIENCE_MS } from './support/patience.ts'
import { started } from './support/started.ts'
import { take } from './support/take.ts'

let lab: Lab

beforeAll(async () => {
  lab = await openLab()
})
afterAll(() => lab.close())

describe('a stream', () => {
  it('gives created rows as the client returns them', async () => {
    const streams = lab.process()
    const body = lab.freshName()
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
    const id = lab.freshName()
    const stream = streams.stream({ model: 'Task', id, start: 'now', created: {}, updated: {}, deleted: {} })
    const iterator = stream[Symbol.asyncIterator]()
    const first = iterator.next()
    await started(lab, id)
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
    const id = lab.freshName()
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
    const body = lab.freshName()
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
    const id = lab.freshName()
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
    const id = lab.freshName()
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

describe('batches', () => {
  it('hold what is ready, in order, and are acknowledged whole', async () => {
    const streams = lab.process()
    const body = lab.freshName()
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

describe('what cannot be streamed', () => {
  it('is refused before anything is read', async () => {
    const streams = lab.process()
    const wrong = streams.stream({ model: 'Note', id: lab.freshName(), created: { bodyy: 'x' } as object })
    await expect(take(wrong, 1)).rejects.toMatchObject({ code: 'bad_arguments' })
    expect(() => streams.stream({ model: 'Note', id: 'a b', created: {} })).toThrow(TypeError)
    expect(() => streams.stream({ model: 'Note', id: 'nothing' })).toThrow(/asks for nothing/)
    expect(() => streams.stream({ model: 'Note', id: 'x', created: {}, partitions: 0 })).toThrow(TypeError)
    expect(() => streams.stream({ model: 'Note', id: 'x', created: {}, start: new Date(Number.NaN) })).toThrow(/a date that is none/)
    for (const concurrency of [0, Number.NaN])
      expect(() => streams.handle({ model: 'Note', id: 'x', created: {} }, () => undefined, { concurrency })).toThrow(/At least one/)
    await expect(take(streams.stream({ model: 'Nobody' as 'Note', id: lab.freshName(), created: {} }), 1)).rejects.toMatchObject({
      code: 'unknown_model',
    })
  })

  it('because it was truncated is a gap for those who follow deletions, and for them alone', async () => {
    const streams = lab.process()
    const id = lab.freshName()
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
    await vi.waitFor(() => expect(onGap).toHaveBeenCalledOnce(), PATIENCE_MS)
    await lab.db.task.delete({ where: { id: `${id}-2` } })
    expect((await next).value?.key).toBe(`${id}-2`)
    await iterator.return?.()
  })
})

function titles({ before, after }: { before: { title: string } | null; after: { title: string } | null }): (string | undefined)[] {
  return [before?.title, after?.title]
}
