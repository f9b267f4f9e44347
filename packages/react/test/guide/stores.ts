import type { LiveQuery, LiveState } from '@zenstack-live/react'

interface Subscribable {
  subscribe<T>(query: LiveQuery<T>, listener: (state: LiveState<T>) => void): () => void
}

// #region svelte
/** A Svelte store: `const tasks = liveStore(live, live.task.findMany())`, then `$tasks.data`. */
export function liveStore<T>(live: Subscribable, query: LiveQuery<T>): { subscribe(run: (state: LiveState<T>) => void): () => void } {
  // `subscribe` calls back at once with the present state and gives a function that ends it: Svelte's contract.
  return { subscribe: (run) => live.subscribe(query, run) }
}
// #endregion

// #region vue
interface VueParts {
  shallowRef<T>(value: T): { value: T }
  onScopeDispose(end: () => void): void
}

/** A Vue composable: `const tasks = useLive({ shallowRef, onScopeDispose }, live, live.task.findMany())`, then `tasks.value?.data`. */
export function useLive<T>(vue: VueParts, live: Subscribable, query: LiveQuery<T>): { readonly value: LiveState<T> | undefined } {
  const state = vue.shallowRef<LiveState<T> | undefined>(undefined)
  vue.onScopeDispose(live.subscribe(query, (next) => (state.value = next)))
  return state
}
// #endregion
