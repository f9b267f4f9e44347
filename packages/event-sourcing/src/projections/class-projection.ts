import type { SavedProjection, SavedProjectionStatus } from '../event-client.ts'
import type { GenericEventInput } from '../event-types.ts'
import type { ReadItem } from '../store.ts'
import { ProjectionCore, type ProjectionClient } from './projection-core.ts'

/** What a projection class reads. Not a name: those of a class belong to whoever extends it. */
export const READ_ITEMS: unique symbol = Symbol('zenstack-live.event-sourcing.items')

/** What all projection classes have, whatever events they are made of. */
export abstract class ClassProjection<
  Client extends ProjectionClient,
  View extends Record<string, unknown>,
  E extends { data: unknown; type: string },
> {
  protected eventsClient: Client
  readonly #core: ProjectionCore<View>

  constructor(client: Client, loadExistingProjection: boolean = true) {
    this.eventsClient = client
    this.#core = new ProjectionCore<View>({
      client,
      loadExistingProjection,
      identity: () => ({ type: this.projectionType, id: this.id }),
      items: () => this[READ_ITEMS](),
    })
    const asJson = this.asJson.bind(this)
    this.asJson = () => this.#core.runAsJson(asJson)
  }

  /** @internal */
  protected abstract [READ_ITEMS](): Promise<readonly ReadItem[]>

  /** Names the saved rows. */
  protected get projectionType(): string {
    throw new TypeError(`${this.constructor.name} has to override projectionType.`)
  }

  public get id(): string {
    throw new TypeError(`${this.constructor.name} has to override id.`)
  }

  /** The projection's value. Reductions within one call see the same events. */
  public async asJson(): Promise<View> {
    throw new TypeError(`${this.constructor.name} has to override asJson.`)
  }

  /** What was saved. Reading it says that the reductions to come continue from it. */
  protected get savedProjection(): Promise<SavedProjection<View> | undefined> {
    return this.#core.readSaved()
  }

  /** A value of the saved projection, to continue from. */
  protected async fromProjectionOrDefault<T>(key: keyof View, fallback: T): Promise<T> {
    const saved = await this.#core.readSaved()
    // The key's value is what this class saved under it.
    return saved === undefined ? fallback : (saved.data[key] as T)
  }

  /** Folds the events: those since the saved projection when it was looked at, else all of them. */
  protected async reduceEvents<T>(reducer: (accumulated: T, event: E) => T, initialValue: T): Promise<T> {
    const events = await this.#core.eventsForReduction()
    let value = initialValue
    for (const event of events) value = reducer(value, event as E)
    return value
  }

  /** The events since the saved projection, stored ones first, then staged ones. */
  protected async projectionEvents(): Promise<(E | GenericEventInput<E>)[]> {
    return (await this.#core.eventsSinceSaved()) as (E | GenericEventInput<E>)[]
  }

  /** Adds events that are not stored, behind those that are. */
  public apply(events: readonly GenericEventInput<E>[]): this {
    this.#core.stage(events)
    return this
  }

  /** Uses these events in place of the stored ones. */
  public fromHistory(events: readonly E[]): this {
    this.#core.useHistory(events)
    return this
  }

  /** Saves the value with the position it is right up to; `skipped` when nothing came since. */
  public async saveProjection(): Promise<SavedProjectionStatus> {
    return this.#core.save(() => this.asJson())
  }
}
