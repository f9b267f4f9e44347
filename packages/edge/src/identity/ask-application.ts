import { errorCodeOf, LiveError, type Limits } from '@zenstack-live/protocol'
import { answerWithin } from './answer-within.ts'

/**
 * What a function of the application says of whoever sent a request: `getClient`, and those of access tickets.
 *
 * @param name - the function's, for the log
 * @param limits - `identityTimeoutMs`: without an answer for so long, it has failed
 * @throws {LiveError} `unauthenticated` when it gives nothing, or throws an error of that code, with the status 401 or 403, or ZenStack's not-found;
 * `internal` when it fails in any other way: a session store that does not answer has not signed anybody out, and the client comes back
 */
export async function askApplication<Answer>(
  name: string,
  ask: () => Promise<Answer> | Answer,
  { identityTimeoutMs }: Pick<Limits, 'identityTimeoutMs'>,
): Promise<NonNullable<Answer>> {
  let answer: Answer
  try {
    answer = await answerWithin(identityTimeoutMs, ask)
  } catch (cause) {
    if (errorCodeOf(cause) !== 'internal') throw cause
    const code = isRefusal(cause) ? 'unauthenticated' : 'internal'
    throw new LiveError(code, `${name} failed: ${String(cause)}`, { cause })
  }
  if (answer === null || answer === undefined) throw new LiveError('unauthenticated', `${name} returned nothing.`)
  return answer
}

/** What frameworks throw to say so (Hono's `HTTPException` and others carry the status), and ZenStack when the user's row is gone. */
function isRefusal(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  const status: unknown = Reflect.get(error, 'status') ?? Reflect.get(error, 'statusCode')
  return status === 401 || status === 403 || Reflect.get(error, 'reason') === 'not-found'
}
