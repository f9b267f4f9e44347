import type { ConnectionEvent, StateKind } from './connection-machine.ts'

/** The person's other tabs, on the same endpoint: reaches those that have one open too. */
export interface TabChannel {
  postMessage(change: ScopeChange): void
  close(): void
}

/** That the person changed in a tab. */
export interface ScopeChange {
  readonly left: string | null
  readonly entered: string | null
}

export interface TabChannelOptions {
  readonly endpoint: string
  /** Whether the person's other tabs are told, and heard. */
  readonly sharesSignOut: boolean
}

export interface TabChannelHost {
  /** Who is asking now. Reading it notices that the person changed. */
  scope(): string | null
  connections(): Iterable<{ readonly kind: StateKind; dispatch(event: ConnectionEvent): void }>
}

/** A channel of the browser, or nothing where there is none. It does not keep a process running. */
export function openTabChannel({ endpoint, sharesSignOut }: TabChannelOptions, host: TabChannelHost): TabChannel | undefined {
  if (!sharesSignOut || typeof BroadcastChannel === 'undefined' || typeof window === 'undefined') return undefined
  const channel = new BroadcastChannel(`zenstack-live:${endpoint}`)
  channel.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    if (typeof data === 'object' && data !== null && 'left' in data && 'entered' in data) hear(data as ScopeChange, host)
  })
  return channel
}

function hear({ left, entered }: ScopeChange, host: TabChannelHost): void {
  // Asked first: this tab may have noticed by itself, and be someone else already.
  const scope = host.scope()
  if (scope === null) return
  for (const connection of host.connections()) {
    if (left === scope) connection.dispatch({ kind: 'signed-out' })
    else if (entered === scope && connection.kind === 'signed-out') connection.dispatch({ kind: 'retry' })
  }
}
