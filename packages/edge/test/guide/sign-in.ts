import type { HonoAccessTickets } from '@zenstack-live/edge'
import { type schema } from '@zenstack-live/testing/workspace'
import type { ClientContract } from '@zenstackhq/orm'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import type { Auth } from 'better-auth'
import type { Context } from 'hono'
import { getSignedCookie } from 'hono/cookie'
import { csrf } from 'hono/csrf'
import { HTTPException } from 'hono/http-exception'
import { jwtVerify, type JWTVerifyGetKey } from 'jose'

type Client = ClientContract<typeof schema>
type GetClient = (c: Context) => Promise<Client>

const signedOut = (): HTTPException => new HTTPException(401)

// #region token
/** What jose says of a token that is no good, as against keys that could not be fetched. */
const REFUSED = /^ERR_(JWT_|JWS_|JWKS_NO_MATCHING_KEY|JOSE_ALG_NOT_ALLOWED|JOSE_NOT_SUPPORTED)/

/**
 * @param db - without policies: before anybody is signed in, they would show nobody
 * @param keys - `createRemoteJWKSet(new URL('https://id.example/.well-known/jwks.json'))`, made once: it keeps what it fetched
 */
export function byToken(db: Client, keys: JWTVerifyGetKey): { getClient: GetClient; accessTickets: HonoAccessTickets } {
  // Made once: streams share work only among clients of the very same set-up.
  const withPolicies = db.$use(new PolicyPlugin())
  const readToken = async (c: Context): Promise<{ id: string; expiresAtMs: number }> => {
    const token = /^Bearer (.+)$/.exec(c.req.header('authorization') ?? '')?.[1]
    if (token === undefined) throw signedOut()
    const { payload } = await jwtVerify(token, keys, { issuer: 'https://id.example', audience: 'app', requiredClaims: ['sub', 'exp'] }).catch(
      (error: { code?: string }) => {
        throw REFUSED.test(error.code ?? '') ? signedOut() : error
      },
    )
    return { id: String(payload.sub), expiresAtMs: Number(payload.exp) * 1000 }
  }
  const clientOf = async (id: string): Promise<Client> => {
    // The role comes from the database, not from the token: one that is taken away is gone at once, not when the token expires.
    const user = await db.user.findUnique({ where: { id }, select: { id: true, role: true } })
    if (user === null) throw signedOut()
    return withPolicies.$setAuth(user)
  }
  return {
    getClient: async (c) => clientOf((await readToken(c)).id),
    accessTickets: {
      mint: async (c) => {
        const { id, expiresAtMs } = await readToken(c)
        return { subject: id, expiresAtMs }
      },
      redeem: (id) => clientOf(id),
    },
  }
}
// #endregion

// #region cookie
/** @param sessions - where they are kept; asked again while a stream lasts, so that one that was ended is noticed */
export function byCookie(db: Client, sessions: { userOf(id: string): Promise<string | undefined> }, secret: string): GetClient {
  const withPolicies = db.$use(new PolicyPlugin())
  return async (c) => {
    const id = await getSignedCookie(c, secret, 'session')
    const userId = typeof id === 'string' ? await sessions.userOf(id) : undefined
    const user = userId === undefined ? null : await db.user.findUnique({ where: { id: userId }, select: { id: true, role: true } })
    if (user === null) throw signedOut()
    return withPolicies.$setAuth(user)
  }
}

/** In front of everything that cookies open: `app.use('/api/*', onlyFromOurPages)`. */
export const onlyFromOurPages = csrf({ origin: 'https://app.example' })
// #endregion

// #region better-auth
/** @param auth - what `betterAuth()` gives, which keeps sessions itself */
export function byBetterAuth(db: Client, auth: { api: Pick<Auth['api'], 'getSession'> }): GetClient {
  const withPolicies = db.$use(new PolicyPlugin())
  return async (c) => {
    // From a cookie's cache a session that was ended would live on until that expires.
    const session = await auth.api.getSession({ headers: c.req.raw.headers, query: { disableCookieCache: true } })
    const user = session === null ? null : await db.user.findUnique({ where: { id: session.user.id }, select: { id: true, role: true } })
    if (user === null) throw signedOut()
    return withPolicies.$setAuth(user)
  }
}
// #endregion
