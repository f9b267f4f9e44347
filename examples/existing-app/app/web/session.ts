export interface SessionUser {
  id: string
}

export async function getSession(): Promise<SessionUser | null> {
  return userIn(await fetch('/api/session'))
}

export async function signIn(name: string): Promise<void> {
  await fetch('/api/session', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name }) })
  location.reload()
}

export async function signOut(): Promise<void> {
  await fetch('/api/session', { method: 'DELETE' })
  location.reload()
}

async function userIn(response: Response): Promise<SessionUser | null> {
  const { user } = (await response.json()) as { user: SessionUser | null }
  return user
}
