import { Hono, type Context } from 'hono'
import { deleteCookie, getSignedCookie, setSignedCookie } from 'hono/cookie'
import { db } from './db.ts'

const SECRET = process.env['SESSION_SECRET'] ?? 'for development only'

/** Who is asking; `undefined` for somebody who is not signed in. */
export async function userOf(c: Context): Promise<{ id: string } | undefined> {
  const id = await getSignedCookie(c, SECRET, 'user')
  return typeof id === 'string' ? { id } : undefined
}

/** Signing in by name is enough to show what each person sees. */
export const sessions = new Hono()
  .get('/', async (c) => c.json({ user: (await userOf(c)) ?? null }))
  .post('/', async (c) => {
    const { name } = await c.req.json<{ name: string }>()
    const id = name.trim().toLowerCase()
    // Nobody is signed in yet who could be allowed to do this.
    await db.$unuseAll().user.upsert({ where: { id }, create: { id, name }, update: {} })
    await setSignedCookie(c, 'user', id, SECRET, { httpOnly: true, sameSite: 'Lax' })
    return c.json({ user: { id } })
  })
  .delete('/', (c) => {
    deleteCookie(c, 'user')
    return c.json({ user: null })
  })
