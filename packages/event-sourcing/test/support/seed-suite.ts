import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  createEventClient,
  createEventsTable,
  createMultiStreamProjectionBaseClass,
  createProjectionBaseClass,
  createProjectionsTable,
  type EventClient,
  type InputOf,
} from '../../src/index.ts'

type TodoEvent = { id: string; createdAt: Date; updatedAt: Date } & (
  | { type: 'LIST_CREATED'; data: { listId: string; name: string } }
  | { type: 'ITEM_ADDED'; data: { listId: string; itemId: string; text: string } }
  | { type: 'ITEM_DONE'; data: { itemId: string } }
)
type TodoType = TodoEvent['type']
type TodoClient = EventClient<TodoType, TodoEvent>

const tables = [
  createEventsTable({ schema: 'todo', dataIndexes: ['listId', 'itemId'] }),
  createProjectionsTable({ schema: 'todo', name: 'views', dataIndexes: ['listId'] }),
] as const

const ProjectionBase = createProjectionBaseClass<TodoType, TodoEvent, TodoClient, { id: string; name: string; items: string[] }>()
const MultiStreamBase = createMultiStreamProjectionBaseClass<TodoType, TodoEvent, TodoClient, { name: string; done: string[] }>()

class ListProjection extends ProjectionBase {
  readonly #listId: string

  constructor(listId: string, client: TodoClient) {
    super(client)
    this.#listId = listId
  }

  protected override get eventTypes(): TodoType[] {
    return ['LIST_CREATED', 'ITEM_ADDED']
  }

  protected override get projectionType(): string {
    return 'LIST'
  }

  override get id(): string {
    return this.#listId
  }

  protected override getEventIdentifiers(): { listId: string } {
    return { listId: this.#listId }
  }

  override async asJson(): Promise<{ id: string; name: string; items: string[] }> {
    const name = await this.fromProjectionOrDefault('name', '')
    const items = await this.fromProjectionOrDefault<string[]>('items', [])
    return {
      id: this.#listId,
      name: await this.reduceEvents((before, event) => (event.type === 'LIST_CREATED' ? event.data.name : before), name),
      items: await this.reduceEvents((before, event) => (event.type === 'ITEM_ADDED' ? [...before, event.data.text] : before), items),
    }
  }
}

class ProgressProjection extends MultiStreamBase {
  readonly #listId: string

  constructor(listId: string, client: TodoClient) {
    super(client)
    this.#listId = listId
  }

  protected override get projectionType(): string {
    return 'PROGRESS'
  }

  override get id(): string {
    return this.#listId
  }

  protected override async getStreamOptions() {
    const items = await this.eventsClient.getEventStream(['ITEM_ADDED'], { data: { listId: this.#listId } })
    const itemId = items.flatMap((event) => (event.type === 'ITEM_ADDED' ? [event.data.itemId] : []))
    return [
      { eventTypes: ['LIST_CREATED' as const], options: { data: { listId: this.#listId } } },
      { eventTypes: ['ITEM_DONE' as const], options: { data: { itemId } } },
    ]
  }

  override async asJson(): Promise<{ name: string; done: string[] }> {
    return {
      name: await this.reduceEvents((name, event) => (event.type === 'LIST_CREATED' ? event.data.name : name), ''),
      done: await this.reduceEvents<string[]>((done, event) => (event.type === 'ITEM_DONE' ? [...done, event.data.itemId] : done), []),
    }
  }
}

const list = (listId: string, name = 'Chores'): InputOf<TodoEvent> => ({ type: 'LIST_CREATED', data: { listId, name } })
const item = (listId: string, itemId: string): InputOf<TodoEvent> => ({ type: 'ITEM_ADDED', data: { listId, itemId, text: `do ${itemId}` } })
const done = (itemId: string): InputOf<TodoEvent> => ({ type: 'ITEM_DONE', data: { itemId } })

/** What the seed's own eleven tests are about, each as its name says, on another example. */
export function describeSeedSuite(
  name: string,
  open: () => Promise<{ db: Parameters<typeof createEventClient>[0]; close(): Promise<unknown> }>,
): void {
  describe(name, () => {
    let client: TodoClient
    let close: () => Promise<unknown>
    beforeAll(async () => {
      const opened = await open()
      close = opened.close
      client = createEventClient<TodoType, TodoEvent>(opened.db, ...tables)
      await client.install()
    })
    afterAll(() => close())

    it('saves and retrieves events', async () => {
      const saved = await client.saveEvents([list('a'), item('a', 'a1')])
      expect(saved.map(({ type }) => type)).toEqual(['LIST_CREATED', 'ITEM_ADDED'])
      expect(await client.getEventStream(['LIST_CREATED', 'ITEM_ADDED'], { data: { listId: 'a' } })).toEqual(saved)
    })

    it('retrieves events by type and data', async () => {
      await client.saveEvents([item('b', 'b1'), item('other', 'o1'), done('b1')])
      expect(await client.getEventStream(['ITEM_ADDED'], { data: { listId: 'b' } })).toMatchObject([{ data: { itemId: 'b1' } }])
    })

    it('retrieves and merges multiple streams, each event once and in order', async () => {
      await client.saveEvents([list('c'), item('c', 'c1'), done('c1')])
      const merged = await client.getEventStreams([
        { eventTypes: ['ITEM_DONE'], options: { data: { itemId: 'c1' } } },
        { eventTypes: ['LIST_CREATED', 'ITEM_ADDED'], options: { data: { listId: 'c' } } },
        { eventTypes: ['LIST_CREATED'], options: { data: { listId: 'c' } } },
      ])
      expect(merged.map(({ type }) => type)).toEqual(['LIST_CREATED', 'ITEM_ADDED', 'ITEM_DONE'])
    })

    it('builds a projection from events', async () => {
      await client.saveEvents([list('d', 'Garden'), item('d', 'd1')])
      await expect(new ListProjection('d', client).asJson()).resolves.toEqual({ id: 'd', name: 'Garden', items: ['do d1'] })
    })

    it('saves and loads a projection', async () => {
      await client.saveEvents([list('e', 'Attic'), item('e', 'e1')])
      await expect(new ListProjection('e', client).saveProjection()).resolves.toMatchObject({ status: 'created' })
      await expect(client.getProjection({ type: 'LIST', id: 'e' })).resolves.toMatchObject({ data: { name: 'Attic', items: ['do e1'] } })
    })

    it('queries projections by type and data', async () => {
      await client.saveEvents([list('f', 'Roof'), list('g', 'Cellar')])
      for (const id of ['f', 'g']) await new ListProjection(id, client).saveProjection()
      await expect(client.queryProjections({ type: 'LIST', data: { name: 'Cellar' } })).resolves.toMatchObject([{ data: { id: 'g' } }])
    })

    it('updates a saved projection with new events', async () => {
      await client.saveEvents([list('h', 'Shed'), item('h', 'h1')])
      await new ListProjection('h', client).saveProjection()
      await client.saveEvent(item('h', 'h2'))
      await expect(new ListProjection('h', client).saveProjection()).resolves.toMatchObject({ status: 'updated' })
      await expect(new ListProjection('h', client).asJson()).resolves.toEqual({ id: 'h', name: 'Shed', items: ['do h1', 'do h2'] })
    })

    it('combines events of a list and of its items in a projection over several streams', async () => {
      await client.saveEvents([list('i', 'Kitchen'), item('i', 'i1'), item('i', 'i2'), done('i2'), done('not mine')])
      await expect(new ProgressProjection('i', client).asJson()).resolves.toEqual({ name: 'Kitchen', done: ['i2'] })
    })

    it('saves with validation when nothing newer is in the stream', async () => {
      const [latest] = await client.saveEvents([list('j')])
      const streams = [{ types: ['LIST_CREATED' as const, 'ITEM_ADDED' as const], identifier: { listId: 'j' } }]
      await client.saveEventWithStreamValidation(item('j', 'j1'), latest?.id ?? '', streams)
      expect(await client.getEventStream(['ITEM_ADDED'], { data: { listId: 'j' } })).toHaveLength(1)
    })

    it('rejects with validation when something newer is in the stream, and stores nothing', async () => {
      const [latest] = await client.saveEvents([list('k'), item('k', 'k1')])
      const streams = [{ types: ['ITEM_ADDED' as const], identifier: { listId: 'k' } }]
      await expect(client.saveEventWithStreamValidation(item('k', 'k2'), latest?.id ?? '', streams)).rejects.toThrow(/modif/i)
      expect(await client.getEventStream(['ITEM_ADDED'], { data: { listId: 'k' } })).toHaveLength(1)
    })

    it('validates several streams at once', async () => {
      const saved = await client.saveEvents([list('l'), item('l', 'l1')])
      const streams = [
        { types: ['LIST_CREATED' as const, 'ITEM_ADDED' as const], identifier: { listId: 'l' } },
        { types: ['ITEM_DONE' as const], identifier: { itemId: 'l1' } },
      ]
      await client.saveEventWithStreamValidation(item('l', 'l2'), saved.at(-1)?.id ?? '', streams)
      const newest = await client.saveEvent(done('l1'))
      await expect(client.saveEventWithStreamValidation(item('l', 'l3'), saved.at(-1)?.id ?? '', streams)).rejects.toThrow(/modif/i)
      await client.saveEventWithStreamValidation(item('l', 'l3'), newest.id, streams)
    })
  })
}
