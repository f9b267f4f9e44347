/** What a page tells about itself; nothing where there is no page. */
export interface PageEvents {
  online(): void
  offline(): void
  /** Seen again. Timers may have slept, the network may have changed. */
  wake(): void
  /** May be frozen or kept in the back/forward cache from here on. */
  hide(): void
}

/** Listens until the returned function is called. */
export function listenToPage(events: PageEvents): () => void {
  if (typeof window === 'undefined' || typeof document === 'undefined') return () => {}
  const controller = new AbortController()
  const { signal } = controller
  window.addEventListener('online', () => events.online(), { signal })
  window.addEventListener('offline', () => events.offline(), { signal })
  window.addEventListener('pagehide', () => events.hide(), { signal })
  window.addEventListener('pageshow', () => events.wake(), { signal })
  document.addEventListener('freeze', () => events.hide(), { signal })
  document.addEventListener('resume', () => events.wake(), { signal })
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && events.wake(), { signal })
  return () => controller.abort()
}

/** Whether the browser believes there is a network. Elsewhere: yes. */
export function isOnline(): boolean {
  // Node has a navigator that does not know.
  // oxlint-disable-next-line typescript/no-unnecessary-boolean-literal-compare -- it may be undefined there
  return typeof navigator === 'undefined' || navigator.onLine !== false
}
