import { createStore, type Store } from './store.ts'

const SHOWN_MS = 5_000
const MAX_NOTICES = 3

export interface Notice {
  number: number
  text: string
}

/** Short messages that go away by themselves. */
export interface Notices extends Store<readonly Notice[]> {
  add(text: string): void
}

export function createNotices(): Notices {
  const store = createStore<readonly Notice[]>([])
  let count = 0
  return {
    ...store,
    add(text) {
      const notice = { number: count++, text }
      store.set([...store.get().slice(1 - MAX_NOTICES), notice])
      setTimeout(() => store.set(store.get().filter((other) => other !== notice)), SHOWN_MS)
    },
  }
}
