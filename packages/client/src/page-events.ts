import type { ConnectionEvent } from './connection-machine.ts'

/**
 * What a page tells about itself. `wake`: it is seen again; timers may have slept, the network may have changed. `hide`: it may be frozen
 * or kept in the back/forward cache from here on.
 */
type PageEvent = 'online' | 'offline' | 'wake' | 'hide'

/** What of a connection the life of the page concerns. */
export interface LivingConnection {
  dispatch(event: ConnectionEvent): void
  /** Since its stream brought something. */
  quietMs(): number
}

export interface PageHost {
  /** Who is asking now. Reading it notices that the person changed. */
  scope(): string | null
  connections(): Iterable<LivingConnection>
}

/** Tells connections what the page goes through, until the returned function is called; nothing where there is no page. */
export function followPage(host: PageHost): () => void {
  if (typeof window === 'undefined' || typeof document === 'undefined') return () => {}
  const controller = new AbortController()
  const { signal } = controller
  const tell = (kind: PageEvent): void => {
    host.scope()
    for (const connection of host.connections()) connection.dispatch(kind === 'wake' ? { kind, quietMs: connection.quietMs() } : { kind })
  }
  const on = (target: EventTarget, type: string, event: PageEvent): void => target.addEventListener(type, () => tell(event), { signal })
  on(window, 'online', 'online')
  on(window, 'offline', 'offline')
  on(window, 'pagehide', 'hide')
  on(window, 'pageshow', 'wake')
  on(document, 'freeze', 'hide')
  on(document, 'resume', 'wake')
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && tell('wake'), { signal })
  return () => controller.abort()
}

/** Whether the browser believes there is a network. Elsewhere: yes. */
export function isOnline(): boolean {
  // Node has a navigator that does not know.
  // oxlint-disable-next-line typescript/no-unnecessary-boolean-literal-compare -- it may be undefined there
  return typeof navigator === 'undefined' || navigator.onLine !== false
}
