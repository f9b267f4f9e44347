import {
  compareEntryIds,
  type ChangeFrame,
  type ChangesFrame,
  type Engine,
  type EntryId,
  type Frame,
  type QueryId,
  type ReadyFrame,
  type ResetFrame,
  type RowChange,
  type SnapshotFrame,
} from '@zenstack-live/protocol'
import { deserialize } from '@zenstackhq/client-helpers/fetch'
import { applyOperations, emptyResult, rowsResult, shareResult, valueResult, type QueryResult } from './query-result.ts'

/** What one connection knows of one query. */
export interface QueryView {
  readonly result: QueryResult | undefined
  /** The entry whose effects were applied last. */
  readonly at: EntryId | undefined
  readonly ticket: string | undefined
  readonly engine: Engine | undefined
  /** Since its last `ready` nothing was declared lost. */
  readonly isReady: boolean
}

/**
 * Everything one connection has delivered. Each connection fills its own: a successor begins with its predecessor's results and goes its
 * own way, so that no frame is ever applied to a state it was not made for.
 */
export interface ConnectionView {
  readonly queries: ReadonlyMap<QueryId, QueryView>
  /** Resumes after everything that was applied. */
  readonly position: string | undefined
}

export interface Delivery {
  /** Queries whose view differs now. */
  readonly changed: ReadonlySet<QueryId>
  /** Matching changes of `$changes` queries, in order. */
  readonly events: readonly { readonly query: QueryId; readonly at: EntryId; readonly changes: readonly RowChange[] }[]
}

export const EMPTY_QUERY_VIEW: QueryView = { result: undefined, at: undefined, ticket: undefined, engine: undefined, isReady: false }

/** Collects a connection's frames, and applies those of whole transactions at once. */
export class ConnectionInbox {
  #view: ConnectionView
  #buffer: (ChangeFrame | ChangesFrame)[] = []
  #parts = new Map<QueryId, SnapshotFrame[]>()
  /** Places that `ready` named. They count from the end of the batch on: a replay before it in the batch carries the same entry. */
  readonly #readyAt = new Map<QueryId, EntryId>()

  constructor(view: ConnectionView) {
    this.#view = view
  }

  get view(): ConnectionView {
    return this.#view
  }

  get bufferedFrames(): number {
    return this.#buffer.length
  }

  /** Takes a frame. Changes wait for the end of their batch; a complete snapshot shows at its `ready`. */
  take(frame: Frame): Delivery {
    switch (frame.event) {
      case 'change':
      case 'changes':
        this.#buffer.push(frame)
        return NOTHING
      case 'snapshot':
        if (frame.part === 0) this.#parts.set(frame.q, [])
        this.#parts.get(frame.q)?.push(frame)
        return NOTHING
      case 'ready':
        return this.#ready(frame)
      case 'reset':
        return this.#reset(frame)
      default:
        return NOTHING
    }
  }

  /** The batch is whole: applies it, and remembers where to go on. */
  commit(position: string): Delivery {
    const queries = new Map(this.#view.queries)
    const changed = new Set<QueryId>()
    const events: { query: QueryId; at: EntryId; changes: readonly RowChange[] }[] = []
    for (const [id, parts] of this.#parts) {
      if (parts.at(-1)?.isLast !== true) continue
      this.#parts.delete(id)
      queries.set(id, snapshotView(queries.get(id), parts))
      changed.add(id)
    }
    // A frame is measured against where its query stood before the batch: frames of one transaction may carry the same entry.
    const stood = new Map([...queries].map(([id, query]) => [id, query.at]))
    for (const frame of this.#buffer) {
      const query = queries.get(frame.q)
      const before = stood.get(frame.q)
      if (query === undefined || (before !== undefined && compareEntryIds(frame.at, before) <= 0)) continue
      if (frame.event === 'changes') {
        // SuperJSON gives back what the server put in: RowChange[], as frame.ts says.
        events.push({ query: frame.q, at: frame.at, changes: decoded(frame.changes, frame.meta) as RowChange[] })
        queries.set(frame.q, { ...query, at: frame.at })
        continue
      }
      if (query.result === undefined) continue
      const result = applyOperations(query.result, decoded(frame.ops, frame.meta) as ChangeFrame['ops'])
      queries.set(frame.q, { ...query, result, at: frame.at })
      if (result !== query.result) changed.add(frame.q)
    }
    this.#buffer = []
    for (const [id, at] of this.#readyAt) {
      const query = queries.get(id)
      if (query !== undefined && (query.at === undefined || compareEntryIds(at, query.at) > 0)) queries.set(id, { ...query, at })
    }
    this.#readyAt.clear()
    // An empty id: nothing can be resumed yet, some query is still opening.
    this.#view = { queries, position: position === '' ? undefined : position }
    return { changed, events }
  }

  /** What equals the given view becomes the given view's: a successor shows nothing new where it brought nothing new. */
  share(shown: ConnectionView): void {
    const queries = new Map(this.#view.queries)
    for (const [id, query] of queries) {
      const previous = shown.queries.get(id)?.result
      if (query.result !== undefined && previous !== undefined && previous !== query.result)
        queries.set(id, { ...query, result: shareResult(previous, query.result) })
    }
    this.#view = { ...this.#view, queries }
  }

  /** A query of this connection ended: what is left of it stays to be shown, but cannot be continued. */
  forget(id: QueryId): void {
    this.#parts.delete(id)
    this.#buffer = this.#buffer.filter((frame) => frame.q !== id)
    const query = this.#view.queries.get(id)
    if (query !== undefined) this.#set(id, { ...query, ticket: undefined, at: undefined, isReady: false })
  }

  #ready(frame: ReadyFrame): Delivery {
    const parts = this.#parts.get(frame.q)
    this.#parts.delete(frame.q)
    const previous = this.#view.queries.get(frame.q) ?? EMPTY_QUERY_VIEW
    const view = parts?.at(-1)?.isLast === true ? snapshotView(previous, parts) : previous
    this.#readyAt.set(frame.q, frame.at)
    this.#set(frame.q, {
      result: view.result ?? emptyResult(frame.shape),
      at: view.at,
      ticket: frame.ticket,
      engine: frame.engine,
      isReady: true,
    })
    return { changed: new Set([frame.q]), events: [] }
  }

  #reset(frame: ResetFrame): Delivery {
    const ids = frame.q === undefined ? [...this.#view.queries.keys()] : [frame.q]
    this.#buffer = this.#buffer.filter((buffered) => frame.q !== undefined && buffered.q !== frame.q)
    for (const id of ids) {
      this.#parts.delete(id)
      this.#readyAt.delete(id)
      const query = this.#view.queries.get(id)
      // What is shown stays until the new snapshot is whole.
      if (query !== undefined) this.#set(id, { ...query, at: undefined, ticket: undefined, isReady: false })
    }
    if (frame.q === undefined) this.#view = { ...this.#view, position: undefined }
    return { changed: new Set(ids), events: [] }
  }

  #set(id: QueryId, query: QueryView): void {
    this.#view = { ...this.#view, queries: new Map(this.#view.queries).set(id, query) }
  }
}

const NOTHING: Delivery = { changed: new Set(), events: [] }

function snapshotView(previous: QueryView = EMPTY_QUERY_VIEW, parts: readonly SnapshotFrame[]): QueryView {
  const [first] = parts
  if (first === undefined) return previous
  return { ...previous, result: snapshotResult(parts, first, previous.result), at: first.at }
}

function snapshotResult(parts: readonly SnapshotFrame[], first: SnapshotFrame, previous: QueryResult | undefined): QueryResult {
  if (first.shape === 'value') return valueResult(decoded(first.value, first.meta), previous)
  const rows = parts.flatMap((part) => (part.shape === 'value' ? [] : (decoded(part.rows, part.meta) as typeof part.rows)))
  return rowsResult(first.shape, rows, previous)
}

/** Without notes there is nothing to restore, and SuperJSON would copy the whole value for it. */
function decoded(json: unknown, meta: unknown): unknown {
  return meta === undefined ? json : deserialize(json, meta)
}
