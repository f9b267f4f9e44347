import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MostlyOne } from '../src/queries/mostly-one.ts'

const ITEMS = ['a', 'b', 'c'].map((name) => ({ name }))
const steps = fc.array(fc.record({ does: fc.constantFrom('add' as const, 'delete' as const), item: fc.constantFrom(...ITEMS) }))

describe('MostlyOne', () => {
  it('holds what a set would, in its order', () => {
    fc.assert(
      fc.property(steps, (given) => {
        const [ours, set] = [new MostlyOne<{ name: string }>(), new Set<{ name: string }>()]
        for (const { does, item } of given) {
          if (does === 'add') {
            ours.add(item)
            set.add(item)
          } else expect(ours.delete(item)).toBe(set.delete(item))
          const visited: { name: string }[] = []
          ours.forEach((one) => visited.push(one))
          expect([visited, ours.toArray(), ours.size]).toEqual([[...set], [...set], set.size])
          if (ours.only !== undefined) expect([...set]).toEqual([ours.only])
          for (const one of ITEMS) expect(ours.has(one)).toBe(set.has(one))
        }
      }),
    )
  })

  it('lets each be deleted while it is visited', () => {
    for (let count = 0; count <= ITEMS.length; count++) {
      const ours = new MostlyOne<{ name: string }>()
      for (const item of ITEMS.slice(0, count)) ours.add(item)
      let visits = 0
      ours.forEach((item) => {
        visits++
        ours.delete(item)
      })
      expect([visits, ours.size]).toEqual([count, 0])
    }
  })
})
