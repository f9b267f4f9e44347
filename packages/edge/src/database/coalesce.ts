/** Calls made while one is running share the next one: each answer was begun after its call. */
export function coalesce<Result>(run: () => Promise<Result>): () => Promise<Result> {
  let next: Promise<Result> | undefined
  let last: Promise<unknown> = Promise.resolve()
  return () => {
    if (next !== undefined) return next
    const mine = last.then(() => {
      next = undefined
      return run()
    })
    last = mine.catch(() => {})
    next = mine
    return mine
  }
}
