import {
  parseEntryId,
  queryText,
  type EntryId,
  type Frame,
  type LiveRequestBody,
  type QueryId,
  type ResetReason,
  type ResultOperation,
  type WireQuery,
} from '@zenstack-live/protocol'
import type { FakeConnection, FakeEdge } from '@zenstack-live/testing/fake-edge'

/*
 * A server small enough to be obviously right: it keeps every version of its rows, so that a test can ask what any query answered
 * at any place. Each person sees rows of their own.
 *
 *   args.where.spaceId   an incremental list, ordered by id
 *   args.take            a window that is asked again and compared, with places
 *   count                a value
 */

export interface ModelRow {
  id: string
  spaceId: string
  title: string
  priority: number
}

type Table = ReadonlyMap<string, ModelRow>
export type Edit = { id: string; set: Omit<ModelRow, 'id'> | undefined }

export class ModelServer {
  readonly #edge: FakeEdge
  readonly #versions: Table[] = [new Map()]
  readonly #streams = new Map<FakeConnection, ModelStream>()
  readonly #seen = new Set<FakeConnection>()
  readonly #deaf = new Set<FakeConnection>()
  readonly #askedAt = new Map<FakeConnection, number>()
  identity = 'alice'
  epoch = 1

  constructor(edge: FakeEdge) {
    this.#edge = edge
  }

  get head(): number {
    return this.#versions.length - 1
  }

  commit(edits: readonly Edit[]): void {
    const next = new Map(this.#versions[this.head])
    for (const { id, set } of edits) {
      if (set === undefined) next.delete(id)
      else next.set(id, { id, ...set })
    }
    this.#versions.push(next)
  }

  /** What the query answers for a person at a version. */
  answer(query: WireQuery, version: number, identity = this.identity): unknown {
    const list = this.rows(query, version, identity)
    return query.operation === 'count' ? list.length : list
  }

  rows(query: WireQuery, version: number, identity = this.identity): ModelRow[] {
    const { where, take } = (query.args ?? {}) as { where?: { spaceId?: string }; take?: number }
    const all = [...(this.#versions[version]?.values() ?? [])].filter((row) => where?.spaceId === undefined || row.spaceId === where.spaceId)
    const sorted = all.sort((a, b) => (take === undefined ? 0 : b.priority - a.priority) || (a.id < b.id ? -1 : 1))
    return sorted.slice(0, take ?? all.length).map((row) => ({ ...row, title: `${identity}: ${row.title}` }))
  }

  /** Remembers when streams were asked for: a database answers with what holds then, or later. */
  note(): void {
    for (const connection of this.#edge.connections) if (!this.#askedAt.has(connection)) this.#askedAt.set(connection, this.head)
  }

  /** Streams that were asked for and are not closed, oldest first. */
  open(): FakeConnection[] {
    return this.#edge.connections.filter((connection) => !connection.isClosed)
  }

  /** Answers a stream that waits, as of `behind` versions ago: it goes on where it may, else with snapshots. */
  answerStream(connection: FakeConnection, behind: number, isStubborn: boolean): void {
    if (this.#seen.has(connection)) return
    this.#seen.add(connection)
    const from = this.#resumeVersion(connection.body)
    const stream: ModelStream = {
      cursor: Math.max(this.#askedAt.get(connection) ?? 0, this.head - behind, from ?? 0),
      identity: this.identity,
      epoch: this.epoch,
      queries: new Map(),
    }
    this.#streams.set(connection, stream)
    for (const [index, query] of connection.body.queries.entries()) {
      const q = connection.ids[index]
      if (q === undefined) continue
      stream.queries.set(q, query)
      const canResume = from !== undefined && !isStubborn && query.ticket === this.#ticket(query)
      if (canResume && (isIncremental(query) || this.#isUntouched(query, from, stream.cursor))) {
        // A replay may come before the `ready` that names its end, or after one that names its beginning.
        const replay = isIncremental(query) ? this.#netEffects(q, query, from, stream.cursor) : []
        const isReplayFirst = behind % 2 === 0
        if (isReplayFirst) connection.send(...replay)
        connection.send(ready(q, query, isReplayFirst ? stream.cursor : from, this.#ticket(query), isReplayFirst ? 1 : 0))
        if (!isReplayFirst) connection.send(...replay)
      } else {
        // What it came with is worth nothing here.
        if (query.ticket !== undefined) connection.send(reset(q, stream.cursor, 'position'))
        connection.send(...this.#snapshot(q, query, stream))
      }
    }
    this.#end(connection, stream)
  }

  /** Brings a stream some versions further, each a transaction of its own frames, all in one batch. */
  deliver(connection: FakeConnection, count: number, hasDuplicates: boolean): void {
    const stream = this.#streams.get(connection)
    if (stream === undefined || stream.epoch !== this.epoch) return
    const to = Math.min(this.head, stream.cursor + count)
    if (hasDuplicates && stream.cursor > 0) connection.send(...this.#transaction(stream, stream.cursor))
    while (stream.cursor < to) connection.send(...this.#transaction(stream, ++stream.cursor))
    this.#end(connection, stream)
  }

  /** One query is declared lost and told anew, in one batch or in two. */
  reset(connection: FakeConnection, which: number, isSplit: boolean): void {
    const stream = this.#streams.get(connection)
    const q = stream === undefined ? undefined : [...stream.queries.keys()][which % stream.queries.size]
    const query = q === undefined ? undefined : stream?.queries.get(q)
    if (stream === undefined || q === undefined || query === undefined) return
    connection.send(reset(q, stream.cursor, 'slow'))
    if (isSplit) this.#end(connection, stream)
    connection.send(...this.#snapshot(q, query, stream))
    this.#end(connection, stream)
  }

  /** It asks who everybody is: streams of someone who is someone else now begin anew, each query as soon as it is answered. */
  notice(isSplit: boolean): void {
    for (const connection of this.open()) {
      const stream = this.#streams.get(connection)
      if (stream === undefined || stream.identity === this.identity) continue
      stream.identity = this.identity
      for (const q of stream.queries.keys()) connection.send(reset(q, stream.cursor, 'identity'))
      for (const [q, query] of stream.queries) {
        // Until all is told anew, nothing can be resumed.
        if (isSplit) connection.write('id:\n\n')
        connection.send(...this.#snapshot(q, query, stream))
      }
      this.#end(connection, stream)
    }
  }

  /** Where each stream ends that was answered, follows this query, and may still count as open. */
  cursors(query: WireQuery): number[] {
    return [...this.#streams].flatMap(([connection, stream]) => {
      const isOpen = !connection.isClosed || this.#deaf.has(connection)
      return isOpen && [...stream.queries.values()].some((other) => queryText(other) === queryText(query)) ? [stream.cursor] : []
    })
  }

  /** Refuses a stream; one that was answered already goes dead without a word. */
  refuse(connection: FakeConnection): void {
    if (this.#seen.has(connection)) this.#deaf.add(connection)
    connection.refuse(503, { error: { code: 'log_unavailable' } })
  }

  #transaction(stream: ModelStream, version: number): Frame[] {
    return [...stream.queries].flatMap(([q, query]) => this.#changes(q, query, version - 1, version, stream.identity))
  }

  #changes(q: QueryId, query: WireQuery, from: number, to: number, identity: string): Frame[] {
    if (query.operation === 'count') {
      const [before, after] = [this.rows(query, from, identity).length, this.rows(query, to, identity).length]
      return before === after ? [] : [{ event: 'change', q, at: at(to), ops: [{ op: 'value', value: after }] }]
    }
    const [before, after] = [this.rows(query, from, identity), this.rows(query, to, identity)]
    if (isIncremental(query)) return effects(before, after).map((op, index) => ({ event: 'change', q, at: at(to, index + 1), ops: [op] }))
    const ops = differences(before, after)
    return ops.length === 0 ? [] : [{ event: 'change', q, at: at(to), ops }]
  }

  #netEffects(q: QueryId, query: WireQuery, from: number, to: number): Frame[] {
    if (from === to) return []
    const ops = effects(this.rows(query, from), this.rows(query, to))
    return ops.length === 0 ? [] : [{ event: 'change', q, at: at(to), ops }]
  }

  #isUntouched(query: WireQuery, from: number, to: number): boolean {
    return JSON.stringify(this.answer(query, from)) === JSON.stringify(this.answer(query, to))
  }

  #snapshot(q: QueryId, query: WireQuery, { cursor: version, identity }: ModelStream): Frame[] {
    const base = { event: 'snapshot', q, at: at(version, 0) } as const
    const last = ready(q, query, version, this.#ticket(query, identity))
    if (query.operation === 'count') return [{ ...base, part: 0, isLast: true, shape: 'value', value: this.answer(query, version, identity) }, last]
    const rows = this.rows(query, version, identity).map((row) => ({ key: row.id, row, ...(isIncremental(query) ? { sort: row.id } : {}) }))
    const half = Math.ceil(rows.length / 2)
    return [
      { ...base, part: 0, isLast: false, shape: 'rows', rows: rows.slice(0, half) },
      { ...base, part: 1, isLast: true, shape: 'rows', rows: rows.slice(half) },
      last,
    ]
  }

  #end(connection: FakeConnection, stream: ModelStream): void {
    connection.write(`id: 1~${stream.identity}~${stream.epoch}~${stream.cursor}-0~${stream.cursor}~sig.${stream.identity}\n\n`)
  }

  #ticket(query: WireQuery, identity = this.identity): string {
    return `${identity}/${this.epoch}/${queryText(query)}`
  }

  /** The version of a position of ours, of this person and epoch. */
  #resumeVersion({ lastEventId }: LiveRequestBody): number | undefined {
    const [, identity, epoch, , version] = lastEventId?.split('~') ?? []
    return identity === this.identity && epoch === String(this.epoch) && version !== undefined ? Number(version) : undefined
  }
}

interface ModelStream {
  cursor: number
  identity: string
  readonly epoch: number
  readonly queries: Map<QueryId, WireQuery>
}

const at = (version: number, index = 1): EntryId => parseEntryId(`${version + 1}-${index}`)

const isIncremental = (query: WireQuery): boolean => query.operation === 'findMany' && !JSON.stringify(query.args ?? {}).includes('take')

function ready(q: QueryId, query: WireQuery, version: number, ticket: string, index = 0): Frame {
  return {
    event: 'ready',
    q,
    at: at(version, index),
    engine: isIncremental(query) ? 'incremental' : 'requery',
    shape: query.operation === 'count' ? 'value' : 'rows',
    ticket,
  }
}

function reset(q: QueryId, version: number, reason: ResetReason): Frame {
  return { event: 'reset', q, at: at(version), reason }
}

/** Row by row, placed by sort strings; an update carries only what differs. */
function effects(before: readonly ModelRow[], after: readonly ModelRow[]): ResultOperation[] {
  const operations: ResultOperation[] = []
  for (const row of before) if (!after.some(({ id }) => id === row.id)) operations.push({ op: 'leave', key: row.id })
  for (const row of after) {
    const old = before.find(({ id }) => id === row.id)
    if (old === undefined) operations.push({ op: 'enter', key: row.id, row, sort: row.id })
    else if (JSON.stringify(old) !== JSON.stringify(row)) operations.push({ op: 'update', key: row.id, set: changed(old, row) })
  }
  return operations
}

/** From front to back, placed by index in the list as it stands. */
function differences(before: readonly ModelRow[], after: readonly ModelRow[]): ResultOperation[] {
  const operations: ResultOperation[] = before.filter((row) => !after.some(({ id }) => id === row.id)).map(({ id }) => ({ op: 'leave', key: id }))
  const list = before.filter((row) => after.some(({ id }) => id === row.id)).map(({ id }) => id)
  for (const [index, row] of after.entries()) {
    const old = before.find(({ id }) => id === row.id)
    const isInPlace = list[index] === row.id
    if (!isInPlace && old !== undefined) list.splice(list.indexOf(row.id), 1)
    if (!isInPlace) list.splice(index, 0, row.id)
    if (old === undefined) operations.push({ op: 'enter', key: row.id, row, index })
    else if (JSON.stringify(old) !== JSON.stringify(row))
      operations.push({ op: 'update', key: row.id, set: changed(old, row), ...(isInPlace ? {} : { index }) })
    else if (!isInPlace) operations.push({ op: 'move', key: row.id, index })
  }
  return operations
}

function changed(before: ModelRow, after: ModelRow): Record<string, unknown> {
  return Object.fromEntries(Object.entries(after).filter(([name, value]) => before[name as keyof ModelRow] !== value))
}
