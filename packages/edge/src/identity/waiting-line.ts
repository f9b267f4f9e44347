import { LiveError } from '@zenstack-live/protocol'

/**
 * Resolves when it is one's turn, with what ends it.
 *
 * @param isKnown - it is asked for a stream that is open: those come before newcomers, who would else cut them off
 * @throws {LiveError} `overloaded` when that takes too long, or too many newcomers wait
 */
export type EnterLine = (isKnown: boolean) => Promise<() => void>

export interface WaitingLineOptions {
  /** Who is inside. */
  maxAtOnce: number
  /** Newcomers who wait. */
  maxNewcomers: number
  /** Before it is one's turn. */
  maxWaitMs: number
}

/** Lets in so many at a time, in the order in which they came. */
export function createWaitingLine({ maxAtOnce, maxNewcomers, maxWaitMs }: WaitingLineOptions): EnterLine {
  const known = new Set<() => void>()
  const newcomers = new Set<() => void>()
  let inside = 0

  const leave = (): void => {
    inside--
    const [next] = known.size > 0 ? known : newcomers
    next?.()
  }
  return (isKnown) =>
    new Promise((resolve, reject) => {
      const waiting = isKnown ? known : newcomers
      const enter = (): void => {
        clearTimeout(timer)
        waiting.delete(enter)
        inside++
        resolve(leave)
      }
      const refuse = (why: string): void => {
        waiting.delete(enter)
        reject(new LiveError('overloaded', `${why}: ${maxAtOnce} at a time are too few, or take too long.`))
      }
      let timer: NodeJS.Timeout | undefined
      if (inside < maxAtOnce) return enter()
      if (!isKnown && newcomers.size >= maxNewcomers) return refuse(`${maxNewcomers} wait already to be asked for`)
      timer = setTimeout(() => refuse(`It was not their turn in ${maxWaitMs} ms`), maxWaitMs)
      waiting.add(enter)
    })
}
