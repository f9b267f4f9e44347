/** One timer for all connections: each is looked at when its time comes, to within a tick. */
export interface TimerWheel {
  /** Calls once, not before `delayMs`. @returns what takes it back */
  after(delayMs: number, call: () => void): () => void
  close(): void
}

const TICK_MS = 100
const SLOTS = 1024

export function createTimerWheel(now: () => number = () => performance.now()): TimerWheel {
  const slots: Set<Entry>[] = Array.from({ length: SLOTS }, () => new Set())
  const startedAt = now()
  let tick = 0

  const turn = (): void => {
    // A busy loop may have missed ticks; each slot is still looked at in its order.
    for (const due = Math.floor((now() - startedAt) / TICK_MS); tick < due;) {
      tick++
      const slot = slots[tick % SLOTS]
      if (slot === undefined) continue
      for (const entry of slot) {
        if (entry.tick > tick) continue
        slot.delete(entry)
        entry.call()
      }
    }
  }

  const timer = setInterval(turn, TICK_MS)
  timer.unref()
  return {
    after(delayMs, call) {
      // Counted from the present time, not from the last turn: a late turn must not make it early.
      const due = Math.max(tick + 1, Math.ceil((now() - startedAt + delayMs) / TICK_MS))
      const entry: Entry = { tick: due, call }
      const slot = slots[due % SLOTS]
      slot?.add(entry)
      return () => void slot?.delete(entry)
    },
    close() {
      clearInterval(timer)
      for (const slot of slots) slot.clear()
    },
  }
}

interface Entry {
  tick: number
  call: () => void
}
