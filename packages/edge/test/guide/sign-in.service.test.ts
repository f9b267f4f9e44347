import { betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { generateSignedCookie } from 'hono/cookie'
import { createLocalJWKSet, exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWTVerifyGetKey } from 'jose'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { startEdge, type RunningEdge } from '../support/start-edge.ts'
import { createWorkspace, seedWorkspace, type Workspace } from '../support/workspace.ts'
import { byBetterAuth, byCookie, byToken, onlyFromOurPages } from './sign-in.ts'

const COOKIE_SECRET = 'what cookies are signed with'
const READ = '/note/findMany'

describe('the sign-in of the guide', () => {
  let workspace: Workspace
  let byTokens: RunningEdge
  let byCookies: RunningEdge
  let keys: JWTVerifyGetKey
  let privateKey: CryptoKey
  const sessions = new Map([['s1', 'bob']])

  beforeAll(async () => {
    workspace = await createWorkspace(inject('postgresUrl'))
    await seedWorkspace(workspace)
    await workspace.db.note.create({ data: { ownerId: 'bob', body: 'of bob' } })
    const pair = await generateKeyPair('ES256')
    privateKey = pair.privateKey
    keys = createLocalJWKSet({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'ES256' }] })
    const { db } = workspace
    byTokens = await startEdge(
      workspace,
      byToken(db, (...asked) => keys(...asked)),
    )
    byCookies = await startEdge(workspace, {
      mount: (app) => app.use('/api/*', onlyFromOurPages),
      getClient: byCookie(db, { userOf: async (id) => sessions.get(id) }, COOKIE_SECRET),
    })
  })
  afterAll(async () => {
    await byTokens.close()
    await byCookies.close()
    await workspace.close()
  })

  const tokenOf = (sub: string, { audience = 'app', expiresAt = '5m', kid = 'k1' } = {}): Promise<string> =>
    new SignJWT()
      .setProtectedHeader({ alg: 'ES256', kid })
      .setSubject(sub)
      .setIssuer('https://id.example')
      .setAudience(audience)
      .setExpirationTime(expiresAt)
      .sign(privateKey)
  const read = async (token: string | undefined): Promise<{ status: number; text: string }> => {
    const response = await fetch(byTokens.base + READ, { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } })
    return { status: response.status, text: await response.text() }
  }

  it('lets a good token in, for whom it names', async () => {
    const answer = await read(await tokenOf('bob'))
    expect(answer).toEqual({ status: 200, text: expect.stringContaining('of bob') as string })
    expect((await read(await tokenOf('cay'))).text).not.toContain('of bob')
  })

  it('counts as signed out without a token, with one that is no good, and when its user is gone', async () => {
    const good = await tokenOf('bob')
    const forged = `${good.slice(0, -8)}AAAAAAAA`
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${good.split('.')[1]}.`
    const bad = [undefined, 'nonsense', forged, unsigned, await tokenOf('bob', { expiresAt: '-1m' }), await tokenOf('bob', { audience: 'other' })]
    for (const token of [...bad, await tokenOf('bob', { kid: 'unknown' }), await tokenOf('nobody')]) {
      const { status, text } = await read(token)
      expect({ token, status, text }).toEqual({ token, status: 401, text: expect.stringContaining('unauthenticated') as string })
    }
  })

  it('signs nobody out while the keys cannot be fetched', async () => {
    const known = keys
    keys = async () => {
      throw new TypeError('fetch failed')
    }
    expect((await read(await tokenOf('bob'))).status).toBe(500)
    keys = known
    expect((await read(await tokenOf('bob'))).status).toBe(200)
  })

  it('lets a stream in by a ticket that was given for a good token, for no longer than the token', async () => {
    const post = (token: string): Promise<Response> => fetch(byTokens.base + READ, { method: 'POST', headers: { authorization: `Bearer ${token}` } })
    const given = await post(await tokenOf('bob', { expiresAt: '1m' }))
    const { access, expiresAtMs } = (await given.json()) as { access: string; expiresAtMs: number }
    expect(expiresAtMs).toBeLessThanOrEqual(Date.now() + 60_000)
    const opened = await fetch(`${byTokens.base}${READ}?access=${access}`, { headers: { accept: 'text/event-stream' } })
    expect(opened.status).toBe(200)
    await opened.body?.cancel()
    expect((await post(await tokenOf('bob', { expiresAt: '-1m' }))).status).toBe(401)
  })

  it('lets a signed cookie in while its session lasts, and no forged one', async () => {
    const cookie = await generateSignedCookie('session', 's1', COOKIE_SECRET)
    const readWith = async (value: string): Promise<number> => (await fetch(byCookies.base + READ, { headers: { cookie: value } })).status
    const pair = cookie.split(';')[0] ?? ''
    expect(await readWith(pair)).toBe(200)
    expect(await readWith(pair.replace('s1', 's2'))).toBe(401)
    expect(await readWith('')).toBe(401)
    sessions.delete('s1')
    expect(await readWith(pair)).toBe(401)
    sessions.set('s1', 'bob')
  })

  it('opens nothing for a form of another site, though the browser sends the cookie', async () => {
    const [cookie = ''] = (await generateSignedCookie('session', 's1', COOKIE_SECRET)).split(';')
    const post = (origin: string): Promise<Response> =>
      fetch(byCookies.base, { method: 'POST', headers: { cookie, origin, 'content-type': 'text/plain' }, body: '{"queries":[]}' })
    expect((await post('https://evil.example')).status).toBe(403)
    const own = await post('https://app.example')
    expect(own.status).toBe(200)
    await own.body?.cancel()
  })

  describe('with better-auth', () => {
    const tables = { user: [], session: [], account: [], verification: [] } as Record<string, Record<string, unknown>[]>
    const auth = betterAuth({
      baseURL: 'http://app.example',
      secret: 'what sessions are signed with, and long enough',
      database: memoryAdapter(tables),
      emailAndPassword: { enabled: true },
      // So that a session lives on in its cookie when it was ended: unless one asks past it.
      session: { cookieCache: { enabled: true, maxAge: 600 } },
      rateLimit: { enabled: false },
      telemetry: { enabled: false },
    })
    let byBetter: RunningEdge
    let cookie = ''

    beforeAll(async () => {
      const credentials = { name: 'Bob', email: 'bob@app.example', password: 'correct horse battery' }
      const { headers, response } = await auth.api.signUpEmail({ body: credentials, returnHeaders: true })
      cookie = headers
        .getSetCookie()
        .map((pair) => pair.split(';')[0])
        .join('; ')
      await workspace.db.user.create({ data: { id: response.user.id, name: 'Bob' } })
      await workspace.db.note.create({ data: { ownerId: response.user.id, body: 'of whom better-auth knows' } })
      byBetter = await startEdge(workspace, { getClient: byBetterAuth(workspace.db, auth), limits: { identityMaxAgeMs: 300 } })
    })
    afterAll(() => byBetter.close())

    const readBy = async (header: Record<string, string>): Promise<{ status: number; text: string }> => {
      const response = await fetch(byBetter.base + READ, { headers: header })
      return { status: response.status, text: await response.text() }
    }

    it('lets in whom the session names, and nobody without one', async () => {
      expect(await readBy({ cookie })).toEqual({ status: 200, text: expect.stringContaining('of whom better-auth knows') as string })
      const { text } = await readBy({ cookie })
      expect(text).not.toContain('of bob')
      for (const header of [{}, { cookie: cookie.replace('session_token=', 'session_token=x') }, { cookie: 'better-auth.session_token=nonsense' }])
        expect((await readBy(header as Record<string, string>)).status).toBe(401)
    })

    it('ends the stream of a session that was ended, though the cookie still says otherwise', async () => {
      const stream = await fetch(byBetter.base + READ, { headers: { cookie, accept: 'text/event-stream' } })
      expect(stream.status).toBe(200)
      for (const session of tables['session'] ?? [])
        await auth.api.revokeSession({ body: { token: String(session['token']) }, headers: new Headers({ cookie }) })
      expect(await auth.api.getSession({ headers: new Headers({ cookie }) })).not.toBeNull()
      expect(await stream.text()).toContain('event: auth-expired')
      expect((await readBy({ cookie })).status).toBe(401)
    })
  })
})
