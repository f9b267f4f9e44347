import { compareEntryIds, positionLsn } from '@zenstack-live/protocol'
import type { Connection } from './connection.ts'
import { INITIAL_STATE, type ConnectionEvent, type ConnectionState, type StateKind } from './connection-machine.ts'
import type { ChangeEvent } from './connection-view.ts'
import type { LiveStream } from './live-stream.ts'
import { MachineRunner } from './machine-runner.ts'
import { pollQueries } from './poll-queries.ts'
import { refreshCredentials } from './refresh-credentials.ts'
import type { StreamEnd } from './stream-end.ts'

/** What becomes of a connection after its first stream was opened: drives the state machine, and decides which stream's results are shown. */
export class ConnectionLife extends MachineRunner<LiveStream> {
  readonly #connection: Connection
  #catchUpTimer: ReturnType<typeof setTimeout> | undefined

  /**
   * @param kind - where the connection stands
   */
  constructor(connection: Connection, kind: StateKind) {
    super(connection.options, connection, { ...INITIAL_STATE, kind })
    this.#connection = connection
  }

  /** Whether what is wanted is what is open. */
  isServed(): boolean {
    const { host, next, current } = this.#connection
    const wanted = host.wanted()
    const open = next ?? current
    const served = open === undefined ? [] : [...open.ids].filter((id) => !open.failed.has(id))
    return served.length === wanted.size && served.every((id) => wanted.has(id))
  }

  tell(stream: LiveStream, events: readonly ChangeEvent[]): void {
    const { told, host } = this.#connection
    for (const { query, at, changes } of events) {
      // Two streams may bring the same while one takes over from the other.
      const last = told.get(query)
      if (last?.stream !== stream && last !== undefined && compareEntryIds(at, last.at) <= 0) continue
      told.set(query, { at, stream })
      host.happened(query, changes)
    }
  }

  ended(stream: LiveStream, end: StreamEnd): void {
    const { current, next, host } = this.#connection
    if (stream !== next || end.kind === 'auth-expired') return this.dispatch(end)
    if (end.kind === 'refused') {
      // What is open goes on; what was to be added is what the server does not want.
      for (const id of stream.ids) if (current?.ids.has(id) !== true) host.refused(id, end.code)
    }
    this.dispatch({ ...end, kind: 'next-lost' })
  }

  /**
   * Whether a stream whose first batch is whole may take over: not while it lacks what the present leader shows, nor while it is behind what is
   * shown, by whomever; unless that lasts.
   */
  maySucceed(stream: LiveStream): boolean {
    const { leader, shown, options } = this.#connection
    // No id passes what its stream has not delivered: one that is as far as ours has everything.
    const [reached, shownTo] = [positionLsn(stream.view.position), positionLsn(shown.position)]
    if (reached !== undefined && shownTo !== undefined && reached >= shownTo) return true
    const isPatient = Date.now() - (stream.firstBatchAt ?? 0) < options.limits.catchUpMs
    for (const id of stream.ids) {
      const view = this.#connection.view(id)
      const own = stream.view.queries.get(id)
      if (!view.isReady || stream.failed.has(id)) continue
      if (leader?.ids.has(id) === true && own?.isReady !== true) return false
      const hasMoved = view.at !== undefined && view.at !== stream.inherited.queries.get(id)?.at
      if (isPatient && hasMoved && (own?.isReady !== true || own.at === undefined || compareEntryIds(own.at, view.at) < 0))
        return this.#lookAgain(stream)
    }
    return true
  }

  /** A quiet stream brings no further batch for a while. */
  #lookAgain(stream: LiveStream): false {
    clearTimeout(this.#catchUpTimer)
    this.#catchUpTimer = setTimeout(() => {
      const { current, next, leader } = this.#connection
      const isOurs = stream === next || stream === current
      if (isOurs && stream !== leader && this.maySucceed(stream)) this.#connection.lead(stream)
    }, this.#connection.options.limits.catchUpMs)
    return false
  }

  protected override hasDemand(): boolean {
    return this.#connection.host.wanted().size > 0
  }

  protected override open(): LiveStream {
    return this.#connection.open()
  }

  protected override onReplace(): void {
    const { leader, current } = this.#connection
    if (leader === current) this.#connection.leader = undefined
  }

  protected override refresh(): Promise<ConnectionEvent> {
    return refreshCredentials(this.#connection.options)
  }

  protected override poll(signal: AbortSignal): Promise<ConnectionEvent> {
    return pollQueries(this.#connection, signal)
  }

  protected override onStep(before: ConnectionState, event: ConnectionEvent): void {
    const { kind } = this
    if (this.#connection.current === undefined) clearTimeout(this.#catchUpTimer)
    if (kind !== before.kind) this.#connection.host.moved()
    if (kind === 'live' && before.kind !== 'live' && event.kind !== 'next-lost') this.#connection.review()
  }
}
