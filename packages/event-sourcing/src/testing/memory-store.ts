import { DuplicateEventError } from '../errors.ts'
import { matchesItem } from '../query.ts'
import type { AppendOutcome, AppendRequest, EventStore, ProjectionRow, ReadItem, ReadRequest, StoredEvent } from '../store.ts'
import type { Identifier } from '../table-config.ts'
import { matchesFilter } from './matches-filter.ts'
import { createMemoryRows } from './memory-rows.ts'

interface MemoryState {
  events: StoredEvent[]
  keys: Map<string, StoredEvent[]>
  projections: Map<string, ProjectionRow>
}

/**
 * An event store in memory, for tests. JavaScript runs one append at a time, so positions have no holes and nothing has to
 * be locked. Transactions run one after another and are undone when they throw.
 */
export function createMemoryStore(identifiers: readonly Identifier[] = []): EventStore {
  let state: MemoryState = { events: [], keys: new Map(), projections: new Map() }
  let lastPosition = 0
  let queue: Promise<unknown> = Promise.resolve()

  /** A transaction keeps all others out until it has ended; its own calls carry it as `tx`. */
  const exclusively = async <Result>(tx: unknown, run: () => Result | Promise<Result>): Promise<Result> => {
    if (tx !== undefined) return run()
    const turn = queue.then(run)
    queue = turn.catch(() => {})
    return turn
  }

  const store: EventStore = {
    identifiers,
    eventsTable: { schema: 'memory', table: 'events' },
    append: (request, tx) => exclusively(tx, () => append(state, request, () => ++lastPosition)),
    read: (request, tx) => exclusively(tx, () => select(state.events, request)),
    readSettled: (request, tx) => store.read(request, tx),
    positionOf: (eventId, tx) => exclusively(tx, () => state.events.find(({ id }) => id === eventId)?.position),
    findByKey: (key, tx) => exclusively(tx, () => structuredClone(state.keys.get(key) ?? [])),
    head: (tx) => exclusively(tx, () => state.events.at(-1)?.position ?? 0),
    openWriters: async () => [],
    ...createMemoryRows(() => state.projections, exclusively),

    transaction: (run) =>
      exclusively(undefined, async () => {
        const before: MemoryState = { events: [...state.events], keys: new Map(state.keys), projections: new Map(state.projections) }
        try {
          return await run({})
        } catch (error) {
          state = before
          throw error
        }
      }),
    tryLock: async () => true,
    lock: async () => {},
    lockAppends: async () => {},
    install: async () => {},
  }
  return store
}

function append(state: MemoryState, request: AppendRequest, nextPosition: () => number): AppendOutcome {
  const { idempotencyKey } = request
  const replay = idempotencyKey === undefined ? undefined : state.keys.get(idempotencyKey)
  if (replay !== undefined) return { kind: 'duplicate', events: structuredClone(replay) }
  for (const item of request.condition ?? []) {
    const hit = state.events.find((event) => event.position > item.after && matchesItem(event, item))
    if (hit !== undefined) return { kind: 'conflict', conflicting: { id: hit.id, type: hit.type, position: hit.position } }
  }
  const ids = new Set(state.events.map(({ id }) => id))
  for (const { id } of request.events) {
    if (ids.has(id)) throw new DuplicateEventError('duplicate_event', `An event with id "${id}" is stored already. Nothing was stored.`)
    ids.add(id)
  }
  const events = request.events.map((event): StoredEvent => {
    const at = event.createdAt ?? new Date()
    const { id, type, schemaVersion } = event
    return {
      id,
      position: nextPosition(),
      type,
      data: structuredClone(event.data),
      metadata: structuredClone(event.metadata),
      schemaVersion,
      createdAt: at,
      updatedAt: at,
    }
  })
  state.events.push(...events)
  if (idempotencyKey !== undefined) state.keys.set(idempotencyKey, events)
  return { kind: 'appended', events: structuredClone(events) }
}

function select(events: readonly StoredEvent[], { items, after = 0, upTo = Infinity, limit = Infinity, order = 'asc' }: ReadRequest): StoredEvent[] {
  const found = events.filter((event) => event.position > after && event.position <= upTo && items.some((item) => matchesReadItem(event, item)))
  const ordered = order === 'desc' ? found.toReversed() : found
  return structuredClone(ordered.slice(0, limit === Infinity ? undefined : limit))
}

function matchesReadItem(event: StoredEvent, item: ReadItem): boolean {
  return event.position > (item.after ?? 0) && matchesItem(event, item) && matchesFilter(event.data, item.filter ?? {})
}
