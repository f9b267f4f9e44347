/*
 * The life of a connection.
 *
 *   flowing ⇄ stalled             the socket takes no more, and takes again
 *   flowing ⇄ checking            a change may have made it another's; `getClient` is asked
 *   stalled ⇄ stalled-checking    both
 *   any     → closed
 *
 * While it does not flow, its queries are held: nothing is decided or buffered for it. When it flows again, each goes on from
 * where it was held.
 */

export type ConnectionPhase = 'flowing' | 'stalled' | 'checking' | 'stalled-checking' | 'closed'

export type ConnectionEvent =
  /** The socket takes no more. */
  | 'full'
  | 'drained'
  /** It may belong to someone else now. */
  | 'doubt'
  | 'same-identity'
  | 'other-identity'
  | 'no-identity'
  /** It has been stalled for too long, or holds too much. */
  | 'overdue'
  /** The process is going away, or the connection has lived long enough. */
  | 'retire'
  /** The other side went away. */
  | 'gone'

export type ConnectionAction = 'hold' | 'release' | 'check' | 'reopen' | 'say-auth-expired' | 'say-bye' | 'end' | 'cut'

type Step = readonly [next: ConnectionPhase, ...actions: ConnectionAction[]]

const TABLE: Record<ConnectionPhase, Record<ConnectionEvent, Step>> = {
  flowing: {
    full: ['stalled', 'hold'],
    drained: ['flowing'],
    doubt: ['checking', 'hold', 'check'],
    'same-identity': ['flowing'],
    'other-identity': ['flowing', 'reopen'],
    'no-identity': ['closed', 'say-auth-expired', 'end'],
    overdue: ['flowing'],
    retire: ['closed', 'say-bye', 'end'],
    gone: ['closed'],
  },
  stalled: {
    full: ['stalled'],
    drained: ['flowing', 'release'],
    doubt: ['stalled-checking', 'check'],
    'same-identity': ['stalled'],
    'other-identity': ['stalled', 'reopen'],
    'no-identity': ['closed', 'cut'],
    overdue: ['closed', 'cut'],
    // What is buffered will not be read in time: it resumes elsewhere.
    retire: ['closed', 'cut'],
    gone: ['closed'],
  },
  checking: {
    full: ['stalled-checking'],
    drained: ['checking'],
    doubt: ['checking', 'check'],
    'same-identity': ['flowing', 'release'],
    'other-identity': ['flowing', 'reopen'],
    'no-identity': ['closed', 'say-auth-expired', 'end'],
    overdue: ['checking'],
    retire: ['closed', 'say-bye', 'end'],
    gone: ['closed'],
  },
  'stalled-checking': {
    full: ['stalled-checking'],
    drained: ['checking'],
    doubt: ['stalled-checking', 'check'],
    'same-identity': ['stalled'],
    'other-identity': ['stalled', 'reopen'],
    'no-identity': ['closed', 'cut'],
    overdue: ['closed', 'cut'],
    retire: ['closed', 'cut'],
    gone: ['closed'],
  },
  closed: {
    full: ['closed'],
    drained: ['closed'],
    doubt: ['closed'],
    'same-identity': ['closed'],
    'other-identity': ['closed'],
    'no-identity': ['closed'],
    overdue: ['closed'],
    retire: ['closed'],
    gone: ['closed'],
  },
}

/** The next phase, and what to do on the way, in order. */
export function nextConnectionStep(phase: ConnectionPhase, event: ConnectionEvent): Step {
  return TABLE[phase][event]
}
