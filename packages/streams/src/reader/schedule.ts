import type { EntryId } from '@zenstack-live/protocol'

export interface Scheduled {
  readonly position: EntryId
  readonly key: string
}

/**
 * Which events may start: at most `concurrency` at a time, those of one key one after the other, in order.
 *
 * Events that were being delivered when a process ended are *suspects*: any of them may have ended it. They are delivered first and
 * alone, so that the others do not take the blame when one does it again.
 */
export interface Schedule<Event extends Scheduled> {
  /** Events must be added in the order of their positions. */
  add(event: Event, isSuspect: boolean): void
  /** Takes an event that may start now. */
  take(): Event | undefined
  /** It is finished: the next one of its key may start. */
  finish(event: Event): void
  /** It did not succeed, and waits; its key waits with it. */
  postpone(event: Event): void
  /** The wait is over. */
  retry(event: Event): void
  readonly running: number
  /** Waiting, running or postponed. */
  readonly size: number
}

/** @param keepsKeyOrder - `false` for a consumer that takes events one by one anyway: then only positions count */
export function createSchedule<Event extends Scheduled>(concurrency: number, keepsKeyOrder: boolean): Schedule<Event> {
  // The first of each chain is ready, running or postponed; the others wait behind it.
  const chains = new Map<string, Event[]>()
  const suspects = new Set<Event>()
  let ready: Event[] = []
  let head = 0
  let running = 0
  let size = 0

  const push = (event: Event): void => {
    ready.push(event)
  }
  const shift = (): Event | undefined => {
    const event = ready[head++]
    if (head > 64 && head * 2 > ready.length) {
      ready = ready.slice(head)
      head = 0
    }
    return event
  }
  const takeSuspect = (): Event | undefined => {
    if (running > 0) return undefined
    for (let index = head; index < ready.length; index++) {
      const event = ready[index]
      if (event !== undefined && suspects.has(event)) return ready.splice(index, 1)[0]
    }
    // They wait behind others of their key: those go alone too.
    return shift()
  }

  return {
    add(event, isSuspect) {
      size++
      if (isSuspect) suspects.add(event)
      const chain = keepsKeyOrder ? chains.get(event.key) : undefined
      if (chain !== undefined) {
        chain.push(event)
        return
      }
      if (keepsKeyOrder) chains.set(event.key, [event])
      push(event)
    },
    take() {
      if (running >= concurrency || head >= ready.length) return undefined
      const event = suspects.size > 0 ? takeSuspect() : shift()
      if (event !== undefined) running++
      return event
    },
    finish(event) {
      running--
      size--
      suspects.delete(event)
      if (!keepsKeyOrder) return
      const chain = chains.get(event.key)
      chain?.shift()
      const next = chain?.[0]
      if (next === undefined) chains.delete(event.key)
      else push(next)
    },
    postpone(event) {
      running--
      suspects.delete(event)
    },
    retry: push,
    get running() {
      return running
    },
    get size() {
      return size
    },
  }
}
