import { CLIENT_INTERNALS, type ClientInternals, type SavedProjection, type SavedProjectionStatus } from '../event-client.ts'
import { EventSourcingError } from '../errors.ts'
import { commonPin } from '../query.ts'
import { settledPosition } from '../settle.ts'
import type { ReadItem, StoredEvent } from '../store.ts'

/** What a projection class needs of a client. */
export interface ProjectionClient {
  readonly [CLIENT_INTERNALS]: ClientInternals
}

interface LoadedEvents {
  readonly all: readonly StoredEvent[] | undefined
  readonly sinceSaved: readonly StoredEvent[]
}

export interface ProjectionCoreOptions {
  readonly client: ProjectionClient
  readonly loadExistingProjection: boolean
  readonly identity: () => { readonly type: string; readonly id: string }
  readonly items: () => Promise<readonly ReadItem[]>
}

/**
 * The state behind both projection classes.
 *
 * Whether `reduceEvents` folds the whole history or only what came after the saved projection depends on whether the
 * caller looked at the saved projection: an `asJson` that never does starts from its own initial values, so it needs all.
 */
export class ProjectionCore<View> {
  readonly #options: ProjectionCoreOptions
  #saved: Promise<(SavedProjection<View> & { position: number | null }) | undefined> | undefined
  #events: Promise<LoadedEvents> | undefined
  #history: readonly StoredEvent[] | undefined
  #staged: unknown[] = []
  #hasReadSaved = false
  #isInsideAsJson = false
  /** While a snapshot is made: nothing behind this position may be in it. */
  #upTo: number | undefined

  constructor(options: ProjectionCoreOptions) {
    this.#options = options
  }

  get #internals(): ClientInternals {
    return this.#options.client[CLIENT_INTERNALS]
  }

  /** Runs `asJson` on fresh events, all of its reductions on the same ones. */
  async runAsJson<Result>(asJson: () => Promise<Result>): Promise<Result> {
    if (this.#isInsideAsJson) return asJson()
    this.#hasReadSaved = false
    this.#isInsideAsJson = true
    this.#events = undefined
    this.#saved = undefined
    try {
      return await asJson()
    } finally {
      this.#isInsideAsJson = false
      this.#hasReadSaved = false
      this.#events = undefined
      this.#saved = undefined
    }
  }

  /** The saved projection, and the note that its reader continues from it. */
  readSaved(): Promise<SavedProjection<View> | undefined> {
    this.#hasReadSaved = true
    return this.#loadSaved()
  }

  async eventsForReduction(): Promise<unknown[]> {
    const isContinuing = this.#hasReadSaved
    // Outside asJson each reduction says for itself whether it continues.
    if (!this.#isInsideAsJson) this.#hasReadSaved = false
    const loaded = await this.#loadEvents(!isContinuing)
    const stored = isContinuing ? loaded.sinceSaved : (loaded.all ?? loaded.sinceSaved)
    return [...stored.map((event) => this.#internals.codec.decode(event)), ...this.#staged]
  }

  /** Events that came after the saved projection, and those that are only staged. */
  async eventsSinceSaved(): Promise<unknown[]> {
    const { sinceSaved } = await this.#loadEvents(false)
    return [...sinceSaved.map((event) => this.#internals.codec.decode(event)), ...this.#staged]
  }

  stage(events: readonly unknown[]): void {
    this.#staged.push(...events)
  }

  useHistory(events: readonly unknown[]): void {
    // Events that were read are stored events; a made-up history may lack positions and keeps its order.
    this.#history = events.map((event, index) => ({ position: index + 1, metadata: null, schemaVersion: 1, ...Object(event) }) as StoredEvent)
    this.#events = undefined
  }

  /** @throws {TypeError} when there are staged events, which no snapshot may contain. */
  async save(asJson: () => Promise<View>): Promise<SavedProjectionStatus> {
    if (this.#staged.length > 0)
      throw new TypeError('A projection with staged events cannot be saved: a snapshot holds only what is stored. Save the events first.')
    if (this.#history !== undefined) throw new TypeError('A projection made from a given history cannot be saved.')
    const { type, id } = this.#options.identity()
    const { store } = this.#internals
    const upTo = await this.#safePosition()
    this.#upTo = upTo
    try {
      const items = await this.#options.items()
      const [latest] = await store.read({ items, order: 'desc', limit: 1, ...(upTo === undefined ? {} : { upTo }) })
      // What is appended from here on is not in the snapshot either, else its position would be wrong.
      this.#upTo = latest?.position ?? 0
      const [stored] = await store.findProjections({ type, ids: [id] })
      if (latest === undefined || (stored?.position ?? 0) >= latest.position) {
        return { type, id, data: stored?.data ?? (await asJson()), latestEventId: stored?.latestEventId ?? '', status: 'skipped' }
      }
      const data = await asJson()
      const [status = 'skipped'] = await store.saveProjections([{ type, id, data, latestEventId: latest.id, position: latest.position }])
      return { type, id, data, latestEventId: latest.id, status }
    } finally {
      this.#upTo = undefined
      this.#events = undefined
    }
  }

  /** `undefined` when the last event read is as far as anything can be: all events carry one exclusive identifier. */
  async #safePosition(): Promise<number | undefined> {
    const { store, limits } = this.#internals
    const items = await this.#options.items()
    return commonPin(items, store.identifiers) === undefined ? settledPosition(store, limits) : undefined
  }

  #loadSaved(): Promise<(SavedProjection<View> & { position: number | null }) | undefined> {
    this.#saved ??= this.#fetchSaved()
    return this.#saved
  }

  async #fetchSaved(): Promise<(SavedProjection<View> & { position: number | null }) | undefined> {
    if (!this.#options.loadExistingProjection) return undefined
    const { type, id } = this.#options.identity()
    const [row] = await this.#internals.store.findProjections({ type, ids: [id] })
    // What a projection of this type saved is what is stored under it.
    return row === undefined ? undefined : { data: row.data as View, latestEventId: row.latestEventId, position: row.position }
  }

  async #loadEvents(needsAll: boolean): Promise<LoadedEvents> {
    const present = await this.#events
    if (present !== undefined && (!needsAll || present.all !== undefined)) return present
    this.#events = this.#fetchEvents(needsAll)
    return this.#events
  }

  async #fetchEvents(needsAll: boolean): Promise<LoadedEvents> {
    const saved = await this.#loadSaved()
    const after = saved === undefined ? 0 : await this.#positionOf(saved)
    const isSince = (event: StoredEvent): boolean => event.position > after
    if (this.#history !== undefined) return { all: this.#history, sinceSaved: this.#history.filter(isSince) }
    const items = await this.#options.items()
    const upTo = this.#upTo === undefined ? {} : { upTo: this.#upTo }
    const events = await this.#internals.store.read({ items, ...upTo, ...(needsAll ? {} : { after }) })
    return needsAll ? { all: events, sinceSaved: events.filter(isSince) } : { all: undefined, sinceSaved: events }
  }

  async #positionOf({ position, latestEventId }: { position: number | null; latestEventId: string }): Promise<number> {
    const known = position ?? (await this.#internals.store.positionOf(latestEventId))
    if (known === undefined)
      throw new EventSourcingError('unknown_event', `The saved projection names event "${latestEventId}", which this table does not hold.`)
    return known
  }
}
