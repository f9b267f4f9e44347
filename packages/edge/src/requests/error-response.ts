import { ERROR_CODES, errorCodeOf, type ErrorBody } from '@zenstack-live/protocol'

/** What a client is told when there is no stream: the code and its fixed sentence, nothing else. */
export function errorResponse(error: unknown): Response {
  const code = errorCodeOf(error)
  const { status, sentence } = ERROR_CODES[code]
  const body: ErrorBody = { error: { code, message: sentence } }
  return Response.json(body, { status: status === 200 ? 503 : status, headers: { 'cache-control': 'no-store' } })
}
