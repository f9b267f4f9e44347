import { errorCodeOf, LiveError } from '@zenstack-live/protocol'
import type { LiveClient } from './live-client.ts'

/**
 * The client for whoever sent a request.
 *
 * @throws {LiveError} `unauthenticated` when `getClient` gives none, or throws an error of that code, with the status 401 or 403, or ZenStack's not-found;
 * `internal` when it fails in any other way: a session store that does not answer has not signed anybody out, and the client comes back
 */
export async function askClient(getClient: () => Promise<LiveClient> | LiveClient): Promise<LiveClient> {
  let client: LiveClient | undefined
  try {
    client = await getClient()
  } catch (cause) {
    if (errorCodeOf(cause) !== 'internal') throw cause
    const code = isRefusal(cause) ? 'unauthenticated' : 'internal'
    throw new LiveError(code, `getClient failed: ${String(cause)}`, { cause })
  }
  if (client === null || client === undefined) throw new LiveError('unauthenticated', 'getClient returned no client.')
  return client
}

/** What frameworks throw to say so (Hono's `HTTPException` and others carry the status), and ZenStack when the user's row is gone. */
function isRefusal(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  const status: unknown = Reflect.get(error, 'status') ?? Reflect.get(error, 'statusCode')
  return status === 401 || status === 403 || Reflect.get(error, 'reason') === 'not-found'
}
