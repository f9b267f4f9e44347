/**
 * What a page tells about itself. `wake`: it is seen again; timers may have slept, the network may have changed. `hide`: it may be frozen
 * or kept in the back/forward cache from here on.
 */
export type PageEvent = 'online' | 'offline' | 'wake' | 'hide'

/** Listens until the returned function is called; to nothing where there is no page. */
export function listenToPage(tell: (event: PageEvent) => void): () => void {
  if (typeof window === 'undefined' || typeof document === 'undefined') return () => {}
  const controller = new AbortController()
  const { signal } = controller
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
