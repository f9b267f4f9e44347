import { encodeProjectionFrame, LiveError, type LiveProjectionReader, type LiveProjectionSource, type ProjectionFrame } from '@zenstack-live/protocol'
import type { EdgeContext } from '../edge-context.ts'
import { answerWithin } from '../identity/answer-within.ts'
import { nameOf, type Identity } from '../identity/identity.ts'
import type { SettledIdentity } from '../identity/identity-changes.ts'
import type { ProjectionRequest } from './projection-request.ts'
import { encodeProjectionPosition, parseProjectionPosition, type ProjectionScope } from './projection-position.ts'
import { ProjectionStream } from './projection-stream.ts'
import type { Sink, SinkEvents } from '../streams/sink.ts'
import { streamResponse, type NodeSide } from '../streams/stream-response.ts'
import { touches, type Transaction } from '../log/transaction.ts'
import type { Visitor } from '../identity/visitors.ts'
import { octetsOf, type Octets } from '../streams/octets.ts'
import { within } from '../within.ts'

/** A projection that browsers may watch. */
export interface LiveProjection {
  /** From `@zenstack-live/event-sourcing`: `client.live(cartProjection)`. */
  readonly projection: LiveProjectionSource
  /**
   * Whether someone may read the projection of this id; `auth` is the `$auth` of the client that `getClient` gives. Asked before
   * anything is read, again when the row behind `auth()` changes, and at least every `identityMaxAgeMs`. Without it nobody may; an error
   * counts as no, and so does no answer for `identityTimeoutMs`.
   */
  authorize?(auth: Readonly<Record<string, unknown>> | null, id: string): boolean | Promise<boolean>
}

/** By the names that browsers use. */
export type LiveProjections = Readonly<Record<string, LiveProjection>>

/** One projection, and its reader while someone watches. */
interface Registered extends LiveProjection {
  readonly name: string
  readonly tables: ReadonlySet<string>
  reader: LiveProjectionReader | undefined
  watcherCount: number
}

type SnapshotOfProjection = Extract<ProjectionFrame, { kind: 'snapshot' }>

interface Block {
  readonly id: string
  readonly octets: Octets
}

interface Answering {
  readonly wanted: ProjectionRequest
  readonly visitor: Visitor
  readonly node: NodeSide | undefined
  readonly door: Door
}

/** Lets streams in, whatever they show. */
interface Door {
  hasRoom(isReturning: boolean): boolean
  hasRoomFor(identity: Identity, queries: number): boolean
  /** An answer that sends the client away for a while. */
  turnAway(): Response
  turnAwayAt(sink: Sink): void
}

/** The projections of this process, and the streams that show them. */
export class Projections {
  readonly #context: EdgeContext
  readonly #registered: ReadonlyMap<string, Registered>
  readonly #streams = new Set<ProjectionStream>()
  /** Frames are objects that all watchers of an id share. */
  readonly #blocks = new WeakMap<ProjectionFrame, Block>()
  readonly #owners = new WeakMap<ProjectionFrame, Promise<boolean>>()
  #epoch: number
  #isClosing = false

  constructor(context: EdgeContext, projections: LiveProjections) {
    this.#context = context
    this.#epoch = context.hub.log.epoch
    this.#registered = new Map(Object.entries(projections).map(([name, given]) => [name, register(name, given)]))
    if (this.#registered.size === 0) return
    context.hub.listen({
      onTransaction: (transaction) => this.#onTransaction(transaction),
      onBatchEnd: () => {},
      onReset: () => this.#onReset(),
    })
  }

  /** Answers `GET {base}/$projections/{name}/{id}`. @throws {LiveError} `forbidden`, whatever the reason and whether the id exists */
  async answer(answering: Answering, endsAtMs = this.#endOfAsking()): Promise<Response> {
    const { wanted, visitor, node, door } = answering
    const { metrics, identityChanges, tally } = this.#context
    const isStream = wanted.kind === 'stream'
    if (isStream && (this.#isClosing || !door.hasRoom(wanted.lastEventId !== undefined))) return door.turnAway()
    const registered = this.#registered.get(wanted.name)
    const authorize = async (untilMs = this.#endOfAsking()): Promise<SettledIdentity | undefined> => {
      while (performance.now() < untilMs) {
        const settled = await visitor.settle()
        if (registered === undefined || !(await this.#mayRead(registered, settled.identity, wanted.id))) return undefined
        if (!identityChanges.isOutdated(settled)) return settled
      }
      throw new LiveError('overloaded', 'The row behind auth() was another each time after authorize was asked. Does it write to that row?')
    }
    const settled = await authorize(endsAtMs)
    if (registered === undefined || settled === undefined)
      throw new LiveError('forbidden', `The projection "${wanted.name.slice(0, 100)}" is not there, or not for them.`)
    if (!isStream) {
      const frame = await this.#read(registered, wanted.id)
      const isOwnerKnown = await this.#isOwnerKnown(frame)
      // Read for whom it no longer is, or may no longer be.
      if (identityChanges.isOutdated(settled) || (!isOwnerKnown && (await authorize(endsAtMs)) === undefined)) return this.answer(answering, endsAtMs)
      const position = encodeProjectionPosition(this.#context.keys, this.#scope(registered, wanted.id), frame.position)
      return Response.json({ data: frame.state, position }, { headers: { 'cache-control': 'no-store' } })
    }
    const { identity } = settled
    const isReturning = (): boolean => this.#resumedAt(registered, wanted) !== undefined
    const isAdmitted = (): boolean => !this.#isClosing && door.hasRoom(isReturning()) && door.hasRoomFor(identity, 0)
    if (!isAdmitted()) return door.turnAway()
    const start = (sink: Sink, listen: (events: SinkEvents) => void): void => {
      // The head of a response may be written long after it was decided on.
      if (!isAdmitted()) return door.turnAwayAt(sink)
      const resumedAt = this.#resumedAt(registered, wanted)
      if (resumedAt !== undefined) metrics.resumes++
      const stream = new ProjectionStream({
        context: this.#context,
        name: registered.name,
        sink,
        settled,
        expiresAtMs: visitor.expiresAtMs,
        resumedAt,
        authorize,
        isOwnerKnown: (frame) => this.#isOwnerKnown(frame),
        ...this.#following(registered, wanted.id),
        onClosed: (closed) => this.#forget(closed, identity.authKey),
      })
      this.#streams.add(stream)
      this.#context.wheel.add(stream)
      tally.add(identity.authKey)
      metrics.connectionsNow++
      metrics.connectionsOpened++
      listen(stream)
      void stream.run()
      if (identityChanges.isOutdated(settled)) stream.onIdentityChange()
    }
    return streamResponse({ node, chunks: this.#context.chunks, start })
  }

  refreshIdentity(id: string): void {
    for (const stream of this.#streams) if (stream.identity.authKey === id) stream.doubt()
  }

  /** Ends all streams; each comes back elsewhere after a time of its own. */
  async close(): Promise<void> {
    this.#isClosing = true
    for (const stream of this.#streams) stream.leave()
    await Promise.all([...this.#registered.values()].map(closeReader))
  }

  #onTransaction(transaction: Transaction): void {
    for (const registered of this.#registered.values()) if (touches(transaction, registered.tables)) registered.reader?.wake()
    const changed = this.#context.identityChanges.changedBy(transaction)
    if (changed.length === 0) return
    for (const stream of this.#streams) {
      const { authKey } = stream.identity
      if (changed === 'all' || (authKey !== undefined && changed.includes(authKey))) stream.onIdentityChange()
    }
  }

  /** In a new epoch the database may be another, or an older one. After a mere gap in the log the events are still there. */
  #onReset(): void {
    // What was missed may have made anybody another.
    for (const stream of this.#streams) stream.onIdentityChange(Infinity)
    if (this.#epoch === this.#context.hub.log.epoch) return
    this.#epoch = this.#context.hub.log.epoch
    for (const registered of this.#registered.values()) void closeReader(registered)
  }

  async #mayRead(registered: Registered, identity: Identity, id: string): Promise<boolean> {
    try {
      // Only `true` is a yes, also from code that no compiler has seen.
      const { identityTimeoutMs } = this.#context.limits
      return (await answerWithin(identityTimeoutMs, () => registered.authorize?.(identity.auth, id))) === true
    } catch (error) {
      // An error may depend on whether the id exists. So may its absence.
      this.#context.logger.warn('authorize failed, which counts as no.', {
        identity: nameOf(identity),
        projection: registered.name,
        error: String(error),
      })
      return false
    }
  }

  /** Whoever is another each time they are asked about is not asked about for ever. */
  #endOfAsking(): number {
    return performance.now() + this.#context.limits.identityTimeoutMs
  }

  #resumedAt(registered: Registered, { id, lastEventId: text }: ProjectionRequest): { text: string; position: number } | undefined {
    if (text === undefined) return undefined
    const position = parseProjectionPosition(this.#context.keys, this.#scope(registered, id), text)
    return position === undefined ? undefined : { text, position }
  }

  #following(registered: Registered, id: string): Pick<ConstructorParameters<typeof ProjectionStream>[0], 'watch' | 'isContinued' | 'blockOf'> {
    let { epoch } = this.#context.hub.log
    return {
      watch: (from, signal) => this.#watch(registered, id, from, signal),
      isContinued: () => {
        const before = epoch
        epoch = this.#context.hub.log.epoch
        return before === epoch
      },
      blockOf: (frame) => this.#blockOf(registered, id, frame),
    }
  }

  async *#watch(registered: Registered, id: string, from: number | undefined, signal: AbortSignal): AsyncGenerator<ProjectionFrame, void, undefined> {
    registered.watcherCount++
    try {
      registered.reader ??= registered.projection.open()
      yield* registered.reader.watch(id, { from, signal })
    } finally {
      registered.watcherCount--
      if (registered.watcherCount === 0) await closeReader(registered)
    }
  }

  /** Also where the projection does not heed its signal. */
  async #read(registered: Registered, id: string): Promise<SnapshotOfProjection> {
    const late = new AbortController()
    const frame = await within(this.#firstSnapshot(registered, id, late.signal), this.#context.limits.databaseTimeoutMs)
    late.abort()
    if (frame !== undefined) return frame
    throw new LiveError('database_unavailable', `The projection "${registered.name}" was not read within databaseTimeoutMs.`)
  }

  async #firstSnapshot(registered: Registered, id: string, signal: AbortSignal): Promise<SnapshotOfProjection | undefined> {
    for await (const frame of this.#watch(registered, id, undefined, signal)) {
      if (frame.kind === 'snapshot') return frame
    }
    return undefined
  }

  /** Events are read from the database, which may be further than the log that tells who may read them. */
  #isOwnerKnown(frame: ProjectionFrame): Promise<boolean> {
    const known = this.#owners.get(frame) ?? this.#context.identityChanges.areTold().catch(() => false)
    this.#owners.set(frame, known)
    return known
  }

  #blockOf(registered: Registered, id: string, frame: ProjectionFrame): Block {
    const known = this.#blocks.get(frame)
    if (known !== undefined) {
      this.#context.metrics.framesShared++
      return known
    }
    const position = frame.kind === 'patch' ? frame.to : frame.position
    const text = encodeProjectionPosition(this.#context.keys, this.#scope(registered, id), position)
    const { kind, ...rest } = frame
    const wire = encodeProjectionFrame({ event: kind, ...rest } as Parameters<typeof encodeProjectionFrame>[0], text)
    const block = { id: text, octets: octetsOf(wire) }
    this.#blocks.set(frame, block)
    return block
  }

  #scope({ name, projection }: Registered, id: string): ProjectionScope {
    return { log: this.#context.hub.log, name, version: projection.version, id }
  }

  /** @param key - of whom it was opened for */
  #forget(stream: ProjectionStream, key: string | undefined): void {
    this.#streams.delete(stream)
    this.#context.tally.take(key)
    this.#context.wheel.delete(stream)
    this.#context.metrics.connectionsNow--
  }
}

function register(name: string, { projection, authorize }: LiveProjection): Registered {
  const tables = new Set(projection.tables.map(({ schema, table }) => `${schema}.${table}`))
  return { name, projection, ...(authorize === undefined ? {} : { authorize }), tables, reader: undefined, watcherCount: 0 }
}

async function closeReader(registered: Registered): Promise<void> {
  const { reader } = registered
  registered.reader = undefined
  await reader?.close()
}
