/**
 * What joins snapshots and the stream exactly. Tests switch one off at a time to see that it is needed; nothing else may.
 *
 * @internal
 */
export interface Guards {
  /** Transactions that a snapshot shows are not told again. */
  dropsSeen: boolean
  /** Transactions that the log already holds, but the snapshot does not show, are told. */
  looksBehind: boolean
  /** A requery counts only when it saw the transactions that caused it. */
  waitsForCause: boolean
  /** No id is sent before the log has passed all that a snapshot shows. */
  holdsIds: boolean
  /** Where rows decide who somebody is, an answer counts only when the log has passed what it shows. */
  holdsAnswers: boolean
}

export const ALL_GUARDS: Guards = { dropsSeen: true, looksBehind: true, waitsForCause: true, holdsIds: true, holdsAnswers: true }
