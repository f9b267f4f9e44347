import { ERROR_CODES, type ErrorCode } from './error-codes.ts'

/** The base of every error this project throws on purpose. */
export class LiveError extends Error {
  override readonly name: string = 'LiveError'
  readonly code: ErrorCode

  /**
   * @param code - stable name of the cause; the only thing (with its fixed sentence) that a client is told
   * @param message - what happened with the offending value, then what to do; for the server's log
   */
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Something received does not follow the wire format. */
export class ProtocolError extends LiveError {
  override readonly name = 'ProtocolError'
}

/** The code of an error of ours, whichever copy of the package made it; `internal` for all others. */
export function errorCodeOf(error: unknown): ErrorCode {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  // The table is the parser here: a name it holds is a code.
  return typeof code === 'string' && Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : 'internal'
}
