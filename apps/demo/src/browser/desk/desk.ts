import { MutationCache, QueryClient } from '@tanstack/react-query'
import { createLiveClient, type LiveClient, type LiveFetch } from '@zenstack-live/react'
import { createContext, use } from 'react'
import { schema, type SchemaType } from '../../../schema/generated/schema-lite.ts'
import { createNotices, type Notices } from './notices.ts'
import { createSessionStore, type SessionStore } from './session.ts'
import { createTappedNetwork, type TappedNetwork } from './tapped-network.ts'

export type DeskName = 'left' | 'right'

/** One person's side of the page. Nothing is shared between two desks: each has its own session, network, caches and stream. */
export interface Desk {
  readonly name: DeskName
  readonly session: SessionStore
  readonly network: TappedNetwork
  readonly notices: Notices
  readonly live: LiveClient<SchemaType>
  readonly queryClient: QueryClient
}

export function createDesk(name: DeskName, firstPersonId: string): Desk {
  const session = createSessionStore(`tandem.${name}`, firstPersonId)
  const network = createTappedNetwork()
  const notices = createNotices()
  // The inspector shows rows too: what one person received is not for the next.
  session.subscribe(() => network.clear())
  // One page holds two people, so that who asks is said with each request: a cookie would make them one.
  const fetchAsPerson: LiveFetch = (url, init) => {
    const headers = new Headers(init?.headers)
    const token = session.get()?.token
    if (token !== undefined) headers.set('authorization', `Bearer ${token}`)
    return network.fetch(url, { ...init, headers })
  }
  const live = createLiveClient(schema, { endpoint: '/api/live', identity: () => session.get()?.personId ?? null, fetch: fetchAsPerson })
  const queryClient = new QueryClient({
    defaultOptions: { queries: { retry: 1 } },
    mutationCache: new MutationCache({ onError: (error) => notices.add(sentenceOf(error)) }),
  })
  return { name, session, network, notices, live, queryClient }
}

const DeskContext = createContext<Desk | null>(null)
export const DeskProvider = DeskContext.Provider

export function useDesk(): Desk {
  const desk = use(DeskContext)
  if (desk === null) throw new Error('useDesk needs a DeskProvider above it.')
  return desk
}

function sentenceOf(error: Error): string {
  const { info } = error as { info?: { rejectedByPolicy?: boolean; message?: string } }
  if (info?.rejectedByPolicy === true) return 'The access policies do not allow that.'
  return info?.message ?? error.message
}
