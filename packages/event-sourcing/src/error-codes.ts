/** What each code of this package means: whether trying again can help, and what to do. */
export const EVENT_SOURCING_ERROR_CODES = {
  concurrency_conflict: { retryable: true, advice: 'Read again, decide again, append again.' },
  deadlock: { retryable: true, advice: 'Run the whole transaction again.' },
  serialization_failure: { retryable: true, advice: 'Run the whole transaction again.' },
  connection_lost: { retryable: true, advice: 'Append with an idempotency key, so that trying again is harmless.' },
  duplicate_event: { retryable: false, advice: 'Give each event its own id, or none.' },
  idempotency_mismatch: { retryable: false, advice: 'Use a new idempotency key for a different payload.' },
  isolation_not_supported: { retryable: false, advice: 'Use a READ COMMITTED transaction for appends with a condition.' },
  invalid_event: { retryable: false, advice: "Correct the event's data so that its schema accepts it." },
  unknown_event_type: { retryable: false, advice: 'Add the type to defineEvents.' },
  unknown_event: { retryable: false, advice: 'Pass the id of an event that this table holds.' },
  upcast_failed: { retryable: false, advice: 'Deploy the newest definitions, or add the missing upcaster.' },
  setup_required: { retryable: false, advice: 'Run the migration that eventStoreSql prints.' },
  limit_exceeded: { retryable: false, advice: 'Split the work, or raise the limit.' },
  not_settled: { retryable: true, advice: 'Wait for the open transactions on the events table to end.' },
  wait_timed_out: { retryable: true, advice: 'See whether runProjections is running, and wait longer.' },
} as const satisfies Record<string, { retryable: boolean; advice: string }>

export type EventSourcingErrorCode = keyof typeof EVENT_SOURCING_ERROR_CODES
