import type { GenericEventBase } from './event-types.ts'
import { normalizeQuery, textAt } from './query.ts'
import type { NormalItem } from './store.ts'

/** The events of one kind of a projection, and the field of their data that names the projection they belong to. */
export interface ProjectionStream<Event extends GenericEventBase> {
  readonly types: readonly Event['type'][]
  /** The identifier that holds the projection's id. Without it the events belong to every id, or to the one there is (`SINGLE_ID`). */
  readonly by?: string
}

/** The id under which a projection that no stream ties to an id is stored. */
export const SINGLE_ID = 'all'

export interface ProjectionOptions<State, Event extends GenericEventBase> {
  /** Names the stored rows; unique within a projections table. */
  readonly name: string
  /** Raise it when `evolve` or `initial` change: rows of another version are never read. @defaultValue 1 */
  readonly version?: number
  readonly query: ProjectionStream<Event> | readonly ProjectionStream<Event>[]
  readonly initial: (id: string) => State
  /** Gives the next state. Pure, and never changes `state` itself. */
  readonly evolve: (state: State, event: Event) => State
  /** Save a snapshot when this many events had to be folded on a read. Never, unless set. */
  readonly snapshotEvery?: number
}

/** Events folded into a state: what a decision rests on, or a projection for one id. */
export interface DecisionModel<State, Event extends GenericEventBase = GenericEventBase> {
  readonly items: readonly NormalItem[]
  readonly initial: State
  // A method, so that a model of some events fits where a model of more events is taken.
  evolve(state: State, event: Event): State
}

/** A projection as pure data and pure functions; runs on any store, inline, asynchronously or live. */
export interface Projection<State = unknown, Event extends GenericEventBase = GenericEventBase> {
  readonly name: string
  readonly version: number
  /** The type of its stored rows: the name with the version. */
  readonly rowType: string
  readonly snapshotEvery: number
  /** All event types it is made of. */
  readonly types: readonly string[]
  initial(id: string): State
  evolve(state: State, event: Event): State
  /** The query whose events make the projection with this id. */
  itemsOf(id: string): readonly NormalItem[]
  /** The ids that an event belongs to; `undefined` when it may belong to every id. */
  idsOf(event: { readonly type: string; readonly data: unknown }): readonly string[] | undefined
  /** Whether every event names the ids it belongs to, as rows kept inline or asynchronously need. */
  readonly isKeyed: boolean
  /** The projection for one id, to decide on or to test. */
  for(id: string): DecisionModel<State, Event>
}

/** What a projection's state is, for type-only imports: `StateOf<typeof cartProjection>`. */
export type StateOf<P> = P extends { initial(id: string): infer State } ? State : never

/**
 * Declares a projection.
 *
 * @throws {TypeError} when the name is empty, the version is no whole number from 1, or the query has no types.
 * @example
 * const cart = defineProjection({
 *   name: 'cart',
 *   query: { types: ['CartCreated', 'ItemAdded'], by: 'cartId' },
 *   initial: (id): Cart => ({ id, items: [] }),
 *   evolve: (cart, event: ShopEvent) => event.type === 'ItemAdded' ? { ...cart, items: [...cart.items, event.data] } : cart,
 * })
 */
export function defineProjection<State, Event extends GenericEventBase>(options: ProjectionOptions<State, Event>): Projection<State, Event> {
  const { name, version = 1, initial, evolve, snapshotEvery = Infinity } = options
  if (name === '' || name.startsWith('$')) throw new TypeError(`"${name}" is no name for a projection.`)
  if (!Number.isInteger(version) || version < 1)
    throw new TypeError(`The version of projection "${name}" is ${version}; versions are whole numbers from 1.`)
  const streams: readonly ProjectionStream<Event>[] = isList(options.query) ? options.query : [options.query]
  if (streams.length === 0 || streams.some(({ types }) => types.length === 0))
    throw new TypeError(`Projection "${name}" needs the types of its events.`)
  const itemsOf = (id: string): readonly NormalItem[] =>
    normalizeQuery(streams.map(({ types, by }) => ({ types, identifier: by === undefined ? {} : { [by]: id } })))
  return {
    name,
    version,
    rowType: `${name}@${version}`,
    snapshotEvery,
    types: [...new Set(streams.flatMap(({ types }) => types))],
    isKeyed: streams.every(({ by }) => by !== undefined) || streams.every(({ by }) => by === undefined),
    initial,
    evolve,
    itemsOf,
    idsOf(event) {
      const concerned = streams.filter(({ types }) => types.includes(event.type))
      if (streams.every(({ by }) => by === undefined)) return concerned.length === 0 ? [] : [SINGLE_ID]
      if (concerned.some(({ by }) => by === undefined)) return undefined
      return [...new Set(concerned.map(({ by = '' }) => textAt(event.data, by)).filter((id) => id !== undefined))]
    },
    for: (id) => ({ items: itemsOf(id), initial: initial(id), evolve }),
  }
}

/** Declares what a decision rests on when it is no projection. */
export function defineModel<State, Event extends GenericEventBase>(options: {
  readonly query: Parameters<typeof normalizeQuery>[0]
  readonly initial: State
  readonly evolve: (state: State, event: Event) => State
}): DecisionModel<State, Event> {
  return { items: normalizeQuery(options.query), initial: options.initial, evolve: options.evolve }
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value)
}
