import type { ErrorCode } from '@zenstack-live/protocol'
import type { ConnectionEvent } from './connection-machine.ts'

/** How a stream came to its end: what the connection's machine is told of it. A network error is a loss like any other. */
export type StreamEnd = Extract<ConnectionEvent, { kind: 'lost' | 'refused' | 'auth-expired' }>

const RETRYABLE_CODES: ReadonlySet<ErrorCode> = new Set([
  'overloaded',
  'database_unavailable',
  'log_unavailable',
  'capture_unavailable',
  'log_recreated',
  'log_lost_tail',
  'reader_fenced',
  'client_incomplete',
  'internal',
])

/** Whether asking again later may help: the table of codes in short, without its sentences. */
export function isRetryable(code: ErrorCode): boolean {
  return RETRYABLE_CODES.has(code)
}

/** What a code means for the one who asked. */
export function endOf(code: ErrorCode, mayHelpLater = isRetryable(code), retryMs?: number): StreamEnd {
  if (code === 'unauthenticated' || code === 'auth_expired') return { kind: 'auth-expired' }
  return mayHelpLater ? { kind: 'lost', retryMs } : { kind: 'refused', code }
}

/** What an answer that is neither a stream nor a result means: the code in its body, else its status. */
export async function refusalIn(response: Response): Promise<ErrorCode> {
  const { status } = response
  const body: unknown = await response.json().catch(() => undefined)
  // Whatever it is, only a code is taken from it. A newer server may send codes this client does not know; they are compared, never interpreted.
  const code = (body as { error?: { code?: unknown } } | null | undefined)?.error?.code
  if (typeof code === 'string') return code as ErrorCode
  if (status === 401) return 'unauthenticated'
  if (status === 403) return 'forbidden'
  return isBusy(status) ? 'internal' : 'bad_request'
}

/** Whether the same request may be answered later. */
export function isBusy(status: number): boolean {
  return status >= 500 || status === 429 || status === 408
}

/** What an answer means that should have been a stream. */
export async function endOfAnswer(response: Response): Promise<StreamEnd> {
  const { ok, status, headers, body } = response
  if (status === 204) return endOf('forbidden')
  if (ok) return body === null ? { kind: 'lost', isStreamless: true } : endOf('bad_request')
  const code = await refusalIn(response)
  const mayHelpLater = isRetryable(code) || (isBusy(status) && !FINAL_CODES.has(code))
  return endOf(code, mayHelpLater, (Number(headers.get('retry-after')) || 0) * 1000)
}

/** Wrong set-up of the server, and more than it allows: the status is that of a busy one, but no time will mend it. */
const FINAL_CODES: ReadonlySet<ErrorCode> = new Set(['unprotected_client', 'foreign_database', 'too_many_queries'])
