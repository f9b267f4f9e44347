import { callListener } from './call-listener.ts'

/** What is kept for those who watch it. */
export interface Held {
  readonly listeners: Set<() => void>
  /** Runs while nobody does. */
  lingering: ReturnType<typeof setTimeout> | undefined
}

/** Somebody listens until released; some time after the last one, `onLeft` is called. */
export function hold(held: Held, listener: () => void, lingerMs: number, onLeft: () => void): () => void {
  // A function of its own, so that the same listener may watch twice.
  const run = (): void => callListener(listener, undefined)
  held.listeners.add(run)
  clearTimeout(held.lingering)
  return () => {
    if (held.listeners.delete(run) && held.listeners.size === 0) held.lingering = setTimeout(onLeft, lingerMs)
  }
}
