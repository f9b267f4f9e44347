import { EVENT_SOURCING_ERROR_CODES, type EventSourcingErrorCode } from './error-codes.ts'

/** Everything this package throws, except a `TypeError` for wrong use. Compare by `code`: two copies of a package must still work. */
export class EventSourcingError extends Error {
  readonly code: EventSourcingErrorCode
  /** Whether doing the same again, from the read on, can succeed. */
  readonly retryable: boolean

  constructor(code: EventSourcingErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
    this.retryable = EVENT_SOURCING_ERROR_CODES[code].retryable
  }
}

/** The event that made an append's condition fail. */
export interface ConflictingEvent {
  readonly id: string
  readonly type: string
  readonly position: number
}

/** Something the decision rests on was appended since it was read. Nothing was stored. */
export class ConcurrencyError extends EventSourcingError {
  readonly conflicting: ConflictingEvent

  constructor(conflicting: ConflictingEvent) {
    super(
      'concurrency_conflict',
      `Concurrent modification detected: event "${conflicting.id}" (${conflicting.type}) at position ${conflicting.position} matches the append's condition. Nothing was stored. Read again and decide again.`,
    )
    this.conflicting = conflicting
  }
}

/** An id or an idempotency key was used before, for something else. */
export class DuplicateEventError extends EventSourcingError {
  declare readonly code: 'duplicate_event' | 'idempotency_mismatch'
}

/** The caller's transaction cannot see what it would have to check. */
export class IsolationError extends EventSourcingError {
  constructor(isolation: string) {
    super(
      'isolation_not_supported',
      `A ${isolation.toUpperCase()} transaction cannot check an append's condition: its snapshot is older than the locks, so it would overlook events committed since. Use READ COMMITTED, or, where every writer of the table is serializable, say so with everyWriterIsSerializable.`,
    )
  }
}

/** An event's data was refused by its schema. */
export class EventValidationError extends EventSourcingError {
  readonly eventType: string
  readonly issues: readonly { readonly message: string; readonly path?: readonly PropertyKey[] }[]

  constructor(eventType: string, issues: EventValidationError['issues']) {
    const first = issues[0]
    const where = first?.path === undefined || first.path.length === 0 ? '' : ` at "${first.path.map(String).join('.')}"`
    super('invalid_event', `Event "${eventType}" is invalid${where}: ${first?.message ?? 'refused by its schema'}`)
    this.eventType = eventType
    this.issues = issues
  }
}

/** Whether an error of this package says that trying again can help. Works across copies of the package. */
export function isRetryable(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'retryable' in error && error.retryable === true
}
