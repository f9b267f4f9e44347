/** Tells the person's other tabs, on the same endpoint, who left and who came. */
export interface TabChannel {
  announce(message: ScopeChange): void
  close(): void
}

export interface ScopeChange {
  readonly left: string | null
  readonly entered: string | null
}

/** A channel of the browser, or nothing where there is none. It does not keep a process running. */
export function openTabChannel(endpoint: string, onMessage: (message: ScopeChange) => void): TabChannel | undefined {
  if (typeof BroadcastChannel === 'undefined' || typeof window === 'undefined') return undefined
  const channel = new BroadcastChannel(`zenstack-live:${endpoint}`)
  channel.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    if (typeof data === 'object' && data !== null && 'left' in data && 'entered' in data) onMessage(data as ScopeChange)
  })
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel's reach is its own origin
  return { announce: (message) => channel.postMessage(message), close: () => channel.close() }
}
