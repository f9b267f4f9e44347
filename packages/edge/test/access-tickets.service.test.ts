import type { AccessGrant, EdgeOptions, LiveClient } from '@zenstack-live/edge'
import { ERROR_CODES, LIMITS, type AccessAnswer, type ErrorCode, type LiveProjectionSource, type QueryId } from '@zenstack-live/protocol'
import { HTTPException } from 'hono/http-exception'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { openGet, wire, type HeldQuery, type TestStream } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'
import { createWorkspace, seedWorkspace, type Workspace } from './support/workspace.ts'

const NOTES = 'note/findMany'
const EVENT_STREAM = { accept: 'text/event-stream' }
/** Where the query of {@link wire}'s default arguments is posted to for a ticket. */
const notes = wire('Note', 'findMany')

describe('a ticket in the URL', () => {
  let workspace: Workspace
  let running: RunningEdge
  let grant: (id: string) => AccessGrant = (id) => ({ subject: `user ${id}` })
  let userOfSubject: (subject: string) => string | undefined = (subject) => subject.replace('user ', '')
  const logged: string[] = []
  const streams: TestStream[] = []

  const signedIn = async (id: string | undefined): Promise<LiveClient> => {
    const user = id === undefined ? null : await workspace.db.user.findUnique({ where: { id } })
    if (user === null) throw new HTTPException(401)
    return workspace.as({ id: user.id, role: user.role })
  }
  const userOf = (authorization: string | undefined): string | undefined => authorization?.replace('Bearer of ', '')
  const options: Partial<EdgeOptions> = {
    logger: {
      warn: (message, facts) => void logged.push(`${message} ${JSON.stringify(facts)}`),
      error: (message, facts) => void logged.push(`${message} ${JSON.stringify(facts)}`),
    },
    projections: { cart: { projection: stillProjection(), authorize: (auth, id) => auth?.['id'] === id } },
  }

  beforeAll(async () => {
    workspace = await createWorkspace(inject('postgresUrl'))
    await seedWorkspace(workspace)
    await workspace.db.note.create({ data: { ownerId: 'bob', body: 'of bob', secret: 'hush' } })
    await workspace.db.note.create({ data: { ownerId: 'cay', body: 'of cay' } })
    running = await startEdge(workspace, {
      ...options,
      getClient: (c) => signedIn(userOf(c.req.header('authorization'))),
      accessTickets: {
        mint: (c) => grant(userOf(c.req.header('authorization')) ?? 'nobody'),
        redeem: (subject) => signedIn(userOfSubject(subject)),
      },
    })
  })
  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.close()
    grant = (id) => ({ subject: `user ${id}` })
    userOfSubject = (subject) => subject.replace('user ', '')
  })
  afterAll(async () => {
    await running.close()
    await workspace.close()
  })

  const post = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${running.base}/${path}`, { method: 'POST', headers })
  const mint = async (user: string, path = NOTES): Promise<AccessAnswer> => {
    const response = await post(path, { authorization: `Bearer of ${user}` })
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store'])
    return (await response.json()) as AccessAnswer
  }
  const withAccess = (path: string, access: string): string => `${path}${path.includes('?') ? '&' : '?'}access=${encodeURIComponent(access)}`
  const open = async (path: string, access: string, more: { lastEventId?: string; held?: Map<QueryId, HeldQuery> } = {}): Promise<TestStream> => {
    const stream = await openGet({ base: running.base, path: withAccess(path, access), ...more })
    streams.push(stream)
    return stream
  }
  const bodies = (stream: TestStream): unknown[] => stream.query(notes.q).rows.map(({ row }) => row['body'])
  /** The code with its fixed sentence, and nothing else. */
  const refusal = async (response: Response | Promise<Response>): Promise<ErrorCode> => {
    const answer = await response
    const { error } = (await answer.json()) as { error: { code: ErrorCode } }
    expect([answer.status, error]).toEqual([ERROR_CODES[error.code].status, { code: error.code, message: ERROR_CODES[error.code].sentence }])
    return error.code
  }
  const refusalOf = (path: string, access: string, headers: Record<string, string> = EVENT_STREAM): Promise<ErrorCode> =>
    refusal(fetch(`${running.base}/${withAccess(path, access)}`, { headers }))

  it('opens the stream for whoever asked for it, and again where it was', async () => {
    const { access, expiresAtMs } = await mint('bob')
    expect(expiresAtMs - Date.now()).toBeGreaterThan(LIMITS.accessTicketMaxAgeMs - 60_000)
    expect(expiresAtMs - Date.now()).toBeLessThanOrEqual(LIMITS.accessTicketMaxAgeMs)
    const first = await open(NOTES, access)
    await first.until(() => (first.lastEventId ?? '') !== '', 'an id')
    expect(bodies(first)).toEqual(['of bob'])
    first.close()
    await workspace.db.note.create({ data: { id: 900, ownerId: 'bob', body: 'while away' } })
    await running.caughtUp()
    // As `EventSource` comes back: the very same URL, and the header.
    const second = await open(NOTES, access, { lastEventId: first.lastEventId ?? '', held: new Map([[notes.q, first.query(notes.q)]]) })
    await second.until(() => bodies(second).includes('while away'), 'what was missed')
    expect(second.text).not.toContain('event: snapshot')
    await workspace.db.note.delete({ where: { id: 900 } })
  })

  it('is given to nobody who is not let in', async () => {
    expect(await refusal(post(NOTES))).toBe('unauthenticated')
    expect(await refusal(post(NOTES, { authorization: 'Bearer of nobody' }))).toBe('unauthenticated')
    expect(await refusal(post('nothing/findMany', { authorization: 'Bearer of bob' }))).toBe('unknown_model')
    expect(await refusal(post('note/create', { authorization: 'Bearer of bob' }))).toBe('unknown_operation')
  })

  it('opens that query only', async () => {
    const where = (rank: number): string => `${NOTES}?q=${encodeURIComponent(JSON.stringify({ where: { rank } }))}`
    const { access } = await mint('bob', where(1))
    const stream = await open(where(1), access)
    await stream.until(() => stream.text.includes('event: ready'), 'ready')
    const meta = encodeURIComponent(JSON.stringify({ serialization: { values: { 'where.rank': ['bigint'] } } }))
    for (const other of [where(2), NOTES, 'note/count', 'task/findMany', 'note/$changes', '$projections/cart/bob', `${where(1)}&meta=${meta}`]) {
      expect([other, await refusalOf(other, access)]).toEqual([other, 'unauthenticated'])
    }
    expect(await refusalOf(where(1), (await mint('bob')).access)).toBe('unauthenticated')
    const changes = await mint('bob', 'note/$changes')
    expect(await refusalOf('task/$changes', changes.access)).toBe('unauthenticated')
    const told = await open('note/$changes', changes.access)
    await told.until(() => told.text.includes('event: ready'), 'ready')
  })

  it('opens a projection, where `authorize` lets its owner in', async () => {
    const { access } = await mint('bob', '$projections/cart/bob')
    const stream = await open('$projections/cart/bob', access)
    await stream.until(() => stream.text.includes('event: snapshot'), 'the state')
    expect(await refusalOf('$projections/cart/cay', access)).toBe('unauthenticated')
    // Being given a ticket is not being let in.
    const { access: foreign } = await mint('cay', '$projections/cart/bob')
    expect(await refusalOf('$projections/cart/bob', foreign)).toBe('forbidden')
    expect(logged.at(-1)).toMatch(/refused.*"identity":"cay","path":"\/\$projections\/cart\/bob","code":"forbidden"/)
    expect(await refusal(post('$projections/cart/bob'))).toBe('unauthenticated')
  })

  it('opens streams only: no answer, no other ticket, no stream of many', async () => {
    const { access } = await mint('bob')
    expect(await refusalOf(NOTES, access, { accept: 'application/json' })).toBe('unauthenticated')
    expect(await refusal(post(withAccess(NOTES, access)))).toBe('unauthenticated')
    const many = fetch(`${running.base}${withAccess('', access)}`, { method: 'POST', body: JSON.stringify({ queries: [notes] }) })
    expect(await refusal(many)).toBe('unauthenticated')
  })

  it('counts alone: one that is no good is not made up for by credentials', async () => {
    const good = (await mint('bob')).access
    const [version, expiresAtMs = '', owner, , signature] = good.split('~')
    const forged = [
      '',
      'x',
      '~~~~',
      `${good}x`,
      good.slice(0, -4),
      good.replace(expiresAtMs, String(Number(expiresAtMs) + 1)),
      [version, expiresAtMs, owner, Buffer.from('user ann').toString('base64url'), signature].join('~'),
      'x'.repeat(LIMITS.maxAccessTicketBytes + 1),
    ]
    for (const access of forged) {
      expect([access, await refusalOf(NOTES, access, { ...EVENT_STREAM, authorization: 'Bearer of bob' })]).toEqual([access, 'unauthenticated'])
    }
    expect(logged.join()).not.toMatch(/user ann|dXNlci/)
    expect(logged.join()).not.toContain(signature)
  })

  it('ends with its time, for those who come and for those who are there', async () => {
    let endsAtMs = 0
    grant = (id) => ({ subject: `user ${id}`, expiresAtMs: (endsAtMs = Date.now() + 10_000) })
    const { access, expiresAtMs } = await mint('bob')
    expect(expiresAtMs).toBe(endsAtMs)
    const stream = await open(NOTES, access)
    await stream.until(() => stream.isEnded, 'the end')
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAtMs)
    expect(stream.frames.at(-1)).toEqual({ event: 'auth-expired' })
    expect(await refusalOf(NOTES, access)).toBe('auth_expired')
    // Whose it was is an id, and said; the ticket is not.
    expect(logged.at(-1)).toMatch(/"code":"auth_expired".*of \\"user bob\\"/)
    expect(logged.join()).not.toContain(access)
    const credentials = { authorization: 'Bearer of bob' }
    for (const gone of [endsAtMs, Number.NaN]) {
      grant = (id) => ({ subject: `user ${id}`, expiresAtMs: gone })
      expect(await refusal(post(NOTES, credentials))).toBe('auth_expired')
    }
    // Credentials that last longer make no ticket that does.
    grant = (id) => ({ subject: `user ${id}`, expiresAtMs: Date.now() + 100 * LIMITS.accessTicketMaxAgeMs })
    expect((await mint('bob')).expiresAtMs).toBeLessThanOrEqual(Date.now() + LIMITS.accessTicketMaxAgeMs)
    // With a fresh one it goes on where it was.
    const later = await open(NOTES, (await mint('bob')).access, { lastEventId: stream.lastEventId ?? '' })
    await later.until(() => later.text.includes('event: ready'), 'ready')
    expect(later.text).not.toContain('event: snapshot')
  })

  it('is of a person, not of what finds them', async () => {
    // A session that another signs in with.
    const { access } = await mint('bob')
    const stream = await open(NOTES, access)
    await stream.until(() => bodies(stream).length > 0, 'the notes')
    userOfSubject = () => 'cay'
    expect(await refusalOf(NOTES, access)).toBe('unauthenticated')
    running.edge.refreshIdentity('bob')
    await stream.until(() => stream.isEnded, 'the end')
    expect(stream.frames.at(-1)).toEqual({ event: 'auth-expired' })
    expect(stream.text).not.toContain('of cay')
    // Whoever finds somebody else is not given one.
    expect(await refusal(post(NOTES, { authorization: 'Bearer of bob' }))).toBe('internal')
    userOfSubject = () => undefined
    expect(await refusalOf(NOTES, access)).toBe('unauthenticated')
  })

  it('shows what its owner may read now, whatever it was when they asked', async () => {
    await workspace.db.user.update({ where: { id: 'bob' }, data: { role: 'MANAGER' } })
    await running.caughtUp()
    const { access } = await mint('bob', 'user/findMany')
    const stream = await open('user/findMany', access)
    await stream.until(() => stream.text.includes('event: ready'), 'ready')
    await workspace.db.user.update({ where: { id: 'bob' }, data: { role: 'MEMBER' } })
    await stream.until(() => stream.frames.some((frame) => frame.event === 'reset' && frame.reason === 'identity'), 'another identity')
    const again = await open('user/findMany', access)
    await again.until(() => again.text.includes('event: ready'), 'ready')
    await workspace.db.user.create({ data: { id: 'dan', name: 'Dan' } })
    const { access: ofDan } = await mint('dan')
    await workspace.db.user.delete({ where: { id: 'dan' } })
    expect(await refusalOf(NOTES, ofDan)).toBe('unauthenticated')
  })

  it('is as long as the limit, and no longer', async () => {
    const name = (length: number): void => {
      grant = () => ({ subject: 'b'.repeat(length) })
      userOfSubject = () => 'bob'
    }
    const lengthOf = async (subjectChars: number): Promise<number> => {
      name(subjectChars)
      return (await mint('bob')).access.length
    }
    // Four characters for each three: the rest is always as long.
    const most = Math.floor(((LIMITS.maxAccessTicketBytes - (await lengthOf(0))) * 3) / 4)
    expect(await lengthOf(most)).toBeLessThanOrEqual(LIMITS.maxAccessTicketBytes)
    const stream = await open(NOTES, (await mint('bob')).access)
    await stream.until(() => bodies(stream).length > 0, 'the notes')
    name(most + 3)
    expect(await refusal(post(NOTES, { authorization: 'Bearer of bob' }))).toBe('internal')
  })

  it('is worth nothing under another secret, or when the schema is another', async () => {
    const { access } = await mint('bob')
    await running.restart({ secret: 'another secret that only the tests know' })
    expect(await refusalOf(NOTES, access)).toBe('unauthenticated')
    await running.restart()
    const stream = await open(NOTES, access)
    await stream.until(() => bodies(stream).length > 0, 'the notes')
    stream.close()
    await workspace.sql('ALTER TABLE "Note" DROP COLUMN score')
    await workspace.sql('ALTER TABLE "Note" ADD COLUMN score numeric(20, 3)')
    await running.restart()
    expect(await refusalOf(NOTES, access)).toBe('unauthenticated')
  })

  it('is not known where the application has none: its parameter is its own', async () => {
    const plain = await startEdge(workspace, { getClient: (c) => signedIn(c.req.query('access')) })
    const response = await fetch(`${plain.base}/${NOTES}?access=bob`)
    expect(response.status).toBe(200)
    await response.body?.cancel()
    expect(await refusal(fetch(`${plain.base}/${NOTES}?access=bob`, { method: 'POST' }))).toBe('bad_request')
    await plain.close()
  })
})

/** A state that never changes. */
function stillProjection(): LiveProjectionSource {
  return {
    name: 'cart',
    version: 1,
    tables: [],
    open: () => ({
      async *watch(_id, { signal } = {}) {
        yield { kind: 'snapshot', position: 1, state: {} }
        await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()))
      },
      wake: () => {},
      close: async () => {},
    }),
  }
}
