import { LiveError, type ErrorCode } from '@zenstack-live/protocol'

/** The codes a change log fails with. */
export type ChangeLogErrorCode = Extract<ErrorCode, `log_${string}` | 'reader_fenced'>

/** The change log cannot keep a promise, and says which. */
export class ChangeLogError extends LiveError {
  override readonly name = 'ChangeLogError'
  declare readonly code: ChangeLogErrorCode
  /** What happened, with the offending value: the message without its cure. */
  readonly what: string
  /** What mends it, where that is known here. */
  readonly cure: string | undefined

  constructor(code: ChangeLogErrorCode, what: string, options: ErrorOptions & { cure?: string } = {}) {
    super(code, options.cure === undefined ? what : `${what} ${options.cure}`, options)
    this.what = what
    this.cure = options.cure
  }
}
