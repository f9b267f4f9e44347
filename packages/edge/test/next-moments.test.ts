import { describe, expect, it, vi } from 'vitest'
import { createNextMoments, LOOK_AHEAD_MS } from '../src/queries/requery/next-moments.ts'

/** A table with one field of times; each look-up waits until it is let go. */
function setUp(moments: readonly number[]) {
  const asked: [from: number, to: number][] = []
  const held: ((error?: Error) => void)[] = []
  const ask = async (
    _: unknown,
    { args }: { args: { where: { at?: { gte: Date; lte: Date }; AND?: [object, { at: { gte: Date; lte: Date } }] } } },
  ) => {
    const { gte, lte } = args.where.AND?.[1].at ?? args.where.at ?? { gte: new Date(0), lte: new Date(0) }
    asked.push([gte.getTime(), lte.getTime()])
    const error = await new Promise<Error | undefined>((resolve) => held.push(resolve))
    if (error !== undefined) throw error
    const next = moments.find((moment) => moment >= gte.getTime() && moment <= lte.getTime())
    return { value: next === undefined ? null : { at: new Date(next) } }
  }
  const next = createNextMoments({ asker: { ask }, database: { unprotected: () => ({}) } } as never)
  const letGo = async (error?: Error): Promise<void> => {
    await vi.waitFor(() => expect(held.length).toBeGreaterThan(0))
    held.shift()?.(error)
  }
  return { asked, letGo, after: (fromMs: number, where?: object) => next.after({ model: 'Offer', field: 'at', where }, fromMs) }
}

describe('the next moment of rows', () => {
  it('is looked up once for all who wait at the same time, and never by a look-up that began before they asked', async () => {
    const { asked, letGo, after } = setUp([5_000])
    const first = after(1_000)
    await vi.waitFor(() => expect(asked).toHaveLength(1))
    const others = Array.from({ length: 50 }, (_, index) => after(1_100 - index))
    await letGo()
    expect(await first).toBe(5_000)
    await letGo()
    expect(new Set(await Promise.all(others))).toEqual(new Set([5_000]))
    // As far as any of them has to see.
    expect(asked).toEqual([
      [1_000, 1_000 + LOOK_AHEAD_MS],
      [1_051, 1_100 + LOOK_AHEAD_MS],
    ])
  })

  it('is never one that has passed for who asks, though it has not for another', async () => {
    const { asked, letGo, after } = setUp([1_050, 5_000])
    const both = [after(1_000), after(1_100)]
    await letGo()
    await letGo()
    expect([await Promise.all(both), asked.length]).toEqual([[1_050, 5_000], 2])
  })

  it('is looked up apart for other rows, and again after a look-up that failed', async () => {
    const { asked, letGo, after } = setUp([5_000])
    const [failing, ofShop] = [after(1_000), after(1_000, { shop: 1 })]
    const failed = expect(failing).rejects.toThrow('It went away.')
    await letGo(new Error('It went away.'))
    await failed
    await letGo()
    expect(await ofShop).toBe(5_000)
    const again = after(1_000)
    await letGo()
    expect([await again, asked.length]).toEqual([5_000, 3])
  })
})
