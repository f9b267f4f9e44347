import { LiveError } from '@zenstack-live/protocol'

/** Resolves when it is one's turn, with what ends it. @throws {LiveError} `overloaded` when that takes too long */
export type EnterLine = () => Promise<() => void>

/**
 * Lets in so many at a time, in the order in which they came.
 *
 * @param options.maxAtOnce - who is inside
 * @param options.maxWaitMs - before it is one's turn
 */
export function createWaitingLine({ maxAtOnce, maxWaitMs }: { maxAtOnce: number; maxWaitMs: number }): EnterLine {
  const waiting = new Set<() => void>()
  let inside = 0

  const leave = (): void => {
    inside--
    const [next] = waiting
    next?.()
  }
  return () =>
    new Promise((resolve, reject) => {
      const enter = (): void => {
        clearTimeout(timer)
        waiting.delete(enter)
        inside++
        resolve(leave)
      }
      const giveUp = (): void => {
        waiting.delete(enter)
        reject(new LiveError('overloaded', `It was not their turn in ${maxWaitMs} ms: ${maxAtOnce} at a time are too few, or take too long.`))
      }
      let timer: NodeJS.Timeout | undefined
      if (inside < maxAtOnce) return enter()
      timer = setTimeout(giveUp, maxWaitMs)
      waiting.add(enter)
    })
}
