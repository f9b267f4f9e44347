import type { schema } from '@zenstack-live/testing/workspace'
import { describe, expectTypeOf, it } from 'vitest'
import { beforeAfter, type CreatedEvent, type DeletedEvent, type Streams, type UpdatedEvent } from '../src/index.ts'

declare const streams: Streams<typeof schema>

describe('the types of a stream', () => {
  it('hold only the kinds that were asked for', async () => {
    for await (const event of streams.stream({ model: 'Note', id: 'a', created: {} })) {
      expectTypeOf(event.type).toEqualTypeOf<'created'>()
      expectTypeOf(event.created.size).toEqualTypeOf<bigint>()
      expectTypeOf(event.created.secret).toEqualTypeOf<string | null>()
      // @ts-expect-error updates were not asked for
      void event.updated
    }
    for await (const event of streams.stream({ model: 'Task', id: 'a', updated: { after: { status: 'DONE' } }, deleted: {} })) {
      expectTypeOf(event.type).toEqualTypeOf<'updated' | 'deleted'>()
      if (event.type === 'updated') expectTypeOf(event.updated.after.status).toEqualTypeOf<'OPEN' | 'DOING' | 'DONE'>()
      const { before, after } = beforeAfter(event)
      expectTypeOf(before.title).toEqualTypeOf<string>()
      expectTypeOf(after).exclude<null>().toHaveProperty('title')
    }
  })

  it('know models, fields, and values of filters', () => {
    // @ts-expect-error no such model
    streams.stream({ model: 'Nobody', id: 'a', created: {} })
    // @ts-expect-error no such field
    streams.stream({ model: 'Note', id: 'a', created: { bodyy: 'x' } })
    // @ts-expect-error not its type
    streams.stream({ model: 'Note', id: 'a', created: { rank: 'x' } })
    // @ts-expect-error no such member of the enum
    streams.stream({ model: 'Task', id: 'a', updated: { after: { status: 'SOLD' } } })
    // @ts-expect-error an update has two sides
    streams.stream({ model: 'Task', id: 'a', updated: { status: 'DONE' } })
    // @ts-expect-error no such option
    streams.stream({ model: 'Task', id: 'a', created: {}, concurrency: 2 })
    // @ts-expect-error every stream has a name
    streams.stream({ model: 'Task', created: {} })
    streams.stream({ model: 'Note', id: 'a', created: { owner: { name: { contains: 'a' } }, tags: { has: 'x' }, data: { path: '$.a', equals: 1 } } })
    streams.stream({ model: 'Note', id: 'a', start: { after: '1-0' }, partitions: 2, deleted: {} })
  })

  it('reach handlers and batches', async () => {
    streams.handle(
      { model: 'Note', id: 'a', created: {}, updated: { before: { body: 'x' }, after: { body: 'y' } } },
      async (event, { delivery }) => {
        expectTypeOf(delivery).toEqualTypeOf<number>()
        expectTypeOf(event.type).toEqualTypeOf<'created' | 'updated'>()
        expectTypeOf(event.type === 'created' ? event.created.rank : event.updated.after.rank).toEqualTypeOf<number>()
      },
      { concurrency: 4 },
    )
    for await (const batch of streams.stream({ model: 'User', id: 'a', deleted: {} }).batches(10)) {
      expectTypeOf(batch[0]?.deleted.role).toEqualTypeOf<'MEMBER' | 'MANAGER' | undefined>()
    }
  })

  it('tell before from after', () => {
    interface Row {
      n: number
    }
    const event = null as unknown as CreatedEvent<Row> | UpdatedEvent<Row> | DeletedEvent<Row>
    expectTypeOf(beforeAfter(event)).toEqualTypeOf<{ before: Row | null; after: Row | null }>()
    expectTypeOf(beforeAfter(null as unknown as CreatedEvent<Row>)).toEqualTypeOf<{ before: null; after: Row }>()
  })
})
