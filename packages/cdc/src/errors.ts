import { LiveError } from '@zenstack-live/protocol'

/** What can be wrong with a database that is to be captured. */
export type ProblemKind =
  | 'unreachable'
  | 'pooler'
  | 'server_version'
  | 'wal_level'
  | 'replication_role'
  | 'replication_slots'
  | 'publication_missing'
  | 'publication_table'
  | 'publication_options'
  | 'table_missing'
  | 'table_kind'
  | 'table_key'
  | 'replica_identity'
  | 'slot_missing'
  | 'slot_foreign'
  | 'slot_lost'
  | 'slot_retention'
  | 'privilege'

/** One precondition that does not hold, and the statement or command that mends it. */
export interface CaptureProblem {
  kind: ProblemKind
  /** A warning does not stop the capture. */
  severity: 'error' | 'warning'
  message: string
  cure: string
  /** `schema.table`, where it concerns one. */
  table?: string
}

/** The capture met something it cannot go on with. */
export class CaptureError extends LiveError {
  override readonly name = 'CaptureError'
  /** Set when a precondition does not hold: trying again helps only after the cure. */
  readonly problem: CaptureProblem | undefined

  constructor(message: string, options: ErrorOptions & { problem?: CaptureProblem } = {}) {
    super('capture_unavailable', message, options)
    this.problem = options.problem
  }

  static of(problem: CaptureProblem, options?: ErrorOptions): CaptureError {
    return new CaptureError(`${problem.message} ${problem.cure}`, { ...options, problem })
  }
}
