import { createHook, type HookCallbacks } from 'node:async_hooks'

/**
 * Counts what Node keeps for us from now on: timers, sockets and so on, whether or not they keep the process alive.
 *
 * @returns how many there are of a kind, as Node's async hooks name it
 */
export function countAlive(): (kind: string) => number {
  const kinds = new Map<number, string>()
  const counts = new Map<string, number>()
  const add = (kind: string, count: number): void => void counts.set(kind, (counts.get(kind) ?? 0) + count)
  const callbacks: HookCallbacks & { trackPromises: boolean } = {
    // Promises are many, and end only when their memory is taken back.
    trackPromises: false,
    init(id, kind) {
      kinds.set(id, kind)
      add(kind, 1)
    },
    destroy(id) {
      const kind = kinds.get(id)
      if (kinds.delete(id) && kind !== undefined) add(kind, -1)
    },
  }
  createHook(callbacks).enable()
  return (kind) => counts.get(kind) ?? 0
}
