import { LiveError, type ErrorCode } from '@zenstack-live/protocol'

/** The codes a change log fails with. */
export type ChangeLogErrorCode = Extract<ErrorCode, `log_${string}` | 'reader_fenced'>

/** The change log cannot keep a promise, and says which. */
export class ChangeLogError extends LiveError {
  override readonly name = 'ChangeLogError'
  declare readonly code: ChangeLogErrorCode

  // Narrows the codes: `super` takes every code of the table.
  // oxlint-disable-next-line no-useless-constructor
  constructor(code: ChangeLogErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}
