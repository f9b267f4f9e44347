import fc from 'fast-check'
import { expect, it } from 'vitest'
import { advanceFence, startFence, type FenceState } from '../src/fence.ts'
import type { OpenWriter } from '../src/store.ts'

type Step = { readonly do: 'begin' | 'draw' | 'commit' | 'rollback' | 'prepare' | 'poll'; readonly of: number }

interface Writer {
  id: string
  isPrepared: boolean
  drawn: number[]
}

/** A server in small: writers hold the table from before they draw until their rows are visible. */
function play(steps: readonly Step[]): { settledTooEarly: number[]; unsettled: number } {
  const open = new Map<number, Writer>()
  const visible = new Set<number>()
  let [nextId, nextPosition] = [1, 1]
  let fence: FenceState = startFence(0)
  const settledTooEarly: number[] = []
  const make = (position: number): void => {
    visible.add(position)
    if (position <= fence.settled) settledTooEarly.push(position)
  }
  const poll = (): void => {
    const head = Math.max(0, ...visible)
    const writers: OpenWriter[] = [...open.values()].map(({ id, isPrepared }) => ({ id, isPrepared }))
    fence = advanceFence(fence, head, writers)
  }
  for (const step of steps) {
    const writer = open.get(step.of)
    if (step.do === 'poll') poll()
    else if (step.do === 'begin' && writer === undefined) open.set(step.of, { id: `v${nextId++}`, isPrepared: false, drawn: [] })
    else if (writer === undefined) continue
    else if (step.do === 'draw' && !writer.isPrepared) writer.drawn.push(nextPosition++)
    else if (step.do === 'prepare' && !writer.isPrepared) open.set(step.of, { ...writer, id: `p${nextId++}`, isPrepared: true })
    else if (step.do === 'commit' || step.do === 'rollback') {
      if (step.do === 'commit') for (const position of writer.drawn) make(position)
      open.delete(step.of)
    }
  }
  for (const [key, writer] of open) {
    for (const position of writer.drawn) make(position)
    open.delete(key)
  }
  poll()
  return { settledTooEarly, unsettled: Math.max(0, ...visible) - fence.settled }
}

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom('begin', 'begin', 'draw', 'draw', 'commit', 'rollback', 'prepare', 'poll', 'poll'),
  of: fc.nat({ max: 4 }),
})

it('never settles a position that is still filled later, and settles everything in the end', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      expect(play(steps)).toEqual({ settledTooEarly: [], unsettled: 0 })
    }),
    { numRuns: 2000 },
  )
})
