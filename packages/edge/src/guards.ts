/**
 * What joins snapshots and the stream exactly, and what keeps from readers what is not theirs. Tests switch one off at a time to see that it is needed; nothing else may.
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
  /** After a resume every row that was shown at some time since is told of, not only those that differ between its first state and its last. */
  replaysAll: boolean
  /** Where rows decide who somebody is, an answer counts only when the log has passed what it shows. */
  holdsAnswers: boolean
  /** Fields that a reader may not read are NULL to it. */
  masksFields: boolean
  /** Of a deleted row its key is told, and only to those who could read it. */
  hidesDeleted: boolean
  /** That a row leaves is told only to a query that had it. */
  checksLeaves: boolean
  /** Who loses a membership or a role is shown no more. */
  revokes: boolean
  /** Answers, positions and tickets belong to an identity. */
  scopesIdentity: boolean
  /** Keys that a reader does not see go out as keyed hashes. */
  hidesKeys: boolean
}

export const ALL_GUARDS: Guards = {
  dropsSeen: true,
  looksBehind: true,
  waitsForCause: true,
  holdsIds: true,
  replaysAll: true,
  holdsAnswers: true,
  masksFields: true,
  hidesDeleted: true,
  checksLeaves: true,
  revokes: true,
  scopesIdentity: true,
  hidesKeys: true,
}
