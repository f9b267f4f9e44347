import { createStore, type Store } from './store.ts'

export interface Session {
  personId: string
  token: string
}

/** `undefined` while the very first visit is being signed in. */
export interface SessionStore extends Store<Session | null | undefined> {
  signIn(personId: string): Promise<void>
  signOut(): void
}

/** Who sits at a desk. Kept across reloads and shared by all tabs, as a cookie would be: signing out in one signs out in all. */
export function createSessionStore(key: string, firstPersonId: string): SessionStore {
  const isFirstVisit = localStorage.getItem(key) === null
  const store = createStore<Session | null | undefined>(isFirstVisit ? undefined : read(key))
  const change = (session: Session | null): void => {
    localStorage.setItem(key, JSON.stringify(session))
    store.set(session)
  }
  const signIn = async (personId: string): Promise<void> => {
    const response = await fetch('/api/sign-in', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ personId }),
    })
    if (!response.ok) throw new Error(`Signing in answered ${response.status}.`)
    const { token } = (await response.json()) as { token: string }
    change({ personId, token })
  }
  addEventListener('storage', (event) => {
    if (event.key === key) store.set(read(key))
  })
  // Nobody has ever sat here: show the demo at once instead of a door.
  if (isFirstVisit) signIn(firstPersonId).catch(() => store.set(null))
  return { ...store, signIn, signOut: () => change(null) }
}

function read(key: string): Session | null {
  try {
    const value = JSON.parse(localStorage.getItem(key) ?? 'null') as Partial<Session> | null
    return typeof value?.personId === 'string' && typeof value.token === 'string' ? { personId: value.personId, token: value.token } : null
  } catch {
    return null
  }
}
