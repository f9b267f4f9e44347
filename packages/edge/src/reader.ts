import { ERROR_CODES, errorCodeOf, LiveError, type Lsn, type QueryId, type ResetReason } from '@zenstack-live/protocol'
import type { EdgeContext } from './edge-context.ts'
import { frameBytes } from './frame-chunks.ts'
import type { Identity } from './identity.ts'
import type { LiveQuery, Reader } from './live-query.ts'
import { countIn } from './metrics.ts'
import type { PgSnapshot } from './pg-snapshot.ts'
import type { Place } from './place.ts'
import { encodeTicket } from './ticket.ts'

/** One query of one connection, with what the connection does to it. */
export interface ConnectionReader extends Reader {
  readonly state: 'opening' | 'live' | 'failed' | 'closed'
  readonly live: LiveQuery | undefined
  /** Finds the live query for the present identity and begins or goes on with it. @throws {LiveError} when it cannot be live */
  begin: (reader: ConnectionReader, isFirst: boolean) => LiveQuery
  open(): void
  /** Stops taking frames. */
  hold(): void
  /** Goes on from where it was held, at the latest from `from`. */
  release(from: Place): void
  /** Begins anew, for whoever the connection belongs to now. */
  reopen(reason: ResetReason): void
  close(): void
}

export interface ReaderOptions {
  context: EdgeContext
  q: QueryId
  push(block: Buffer): void
  begin: ConnectionReader['begin']
  onReady(horizon: Lsn): void
  onFailed(error: LiveError): void
  /** Fingerprint of this query for the present identity. */
  scope(): string
  identity(): Identity
  isHeld(): boolean
}

export function createReader(options: ReaderOptions): ConnectionReader {
  const { context, q } = options
  let state: ConnectionReader['state'] = 'opening'
  let live: LiveQuery | undefined
  let isHeld = false
  let heldFrom: Place | undefined

  const leave = (): void => {
    live?.leave(reader)
    live = undefined
    reader.isFlowing = false
    reader.seen = undefined
    reader.version = undefined
  }

  const begin = (isFirst: boolean): void => {
    state = 'opening'
    isHeld = false
    heldFrom = undefined
    try {
      live = options.begin(reader, isFirst)
    } catch (error) {
      reader.fail(error instanceof LiveError ? error : new LiveError('internal', `A query could not be opened: ${String(error)}`, { cause: error }))
    }
  }

  const reader: ConnectionReader = {
    q,
    isFlowing: false,
    seen: undefined as PgSnapshot | undefined,
    version: undefined,
    begin: options.begin,
    get state() {
      return state
    },
    get live() {
      return live
    },
    open: () => begin(true),
    push: options.push,
    ready(at, horizon, query) {
      state = 'live'
      live = query
      const ticket = encodeTicket(context.keys, { scope: options.scope(), entry: at.entry, horizon, follows: query.id })
      options.push(frameBytes({ event: 'ready', q, at: at.entry, engine: query.engine, shape: query.shape, ticket }))
      options.onReady(horizon)
      if (!options.isHeld()) return
      isHeld = true
      heldFrom = at
      reader.isFlowing = false
    },
    wait() {
      state = 'opening'
    },
    reset(reason) {
      state = 'opening'
      countIn(context.metrics.resets, reason)
      options.push(frameBytes({ event: 'reset', q, at: context.hub.history.head.entry, reason }))
    },
    fail(error) {
      leave()
      state = 'failed'
      const code = errorCodeOf(error)
      countIn(context.metrics.refusals, code)
      context.logger.warn('A query ended with an error.', { q, code, error: error.message })
      options.push(frameBytes({ event: 'error', q, code, message: ERROR_CODES[code].sentence }))
      options.onFailed(error)
    },
    hold() {
      if (!reader.isFlowing) return
      isHeld = true
      reader.isFlowing = false
    },
    release(from) {
      if (!isHeld) return
      isHeld = false
      const place = heldFrom ?? from
      heldFrom = undefined
      live?.catchUp(reader, place)
    },
    reopen(reason) {
      if (state === 'closed') return
      leave()
      reader.reset(reason)
      begin(false)
    },
    close() {
      leave()
      state = 'closed'
    },
  }
  return reader
}
