import { LiveError, type ErrorCode } from '@zenstack-live/protocol'

/** What a watcher is told when the server will not answer. */
export function refusedError(code: ErrorCode, what: string): LiveError {
  return new LiveError(code, `The server refused ${what} (${code}). Its log names the reason, docs/protocol.md the cure.`)
}
