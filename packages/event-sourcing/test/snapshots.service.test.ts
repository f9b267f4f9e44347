import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { defineProjection } from '../src/index.ts'
import { openShop, type Shop } from './support/postgres.ts'
import type { ShopEvent, ShopInput } from './support/shop.ts'

let shop: Shop
beforeAll(async () => {
  shop = await openShop({ poolSize: 16 })
})
afterAll(() => shop.close())

/** The history of one id, by an identifier with a lock or by a field without one. */
const historyOf = (name: string, by: string, snapshotEvery: number) =>
  defineProjection({
    name,
    query: { types: ['CartCreated'], by },
    initial: () => ({ seen: [] as string[] }),
    evolve: ({ seen }, event: ShopEvent) => ({ seen: [...seen, event.id] }),
    snapshotEvery,
  })

type Step = { do: 'append' | 'open' | 'commit' | 'rollback' | 'project' }

it('gives from snapshots what a full replay gives, with late commits, rollbacks and skewed clocks', async () => {
  let runCount = 0
  const step = fc.record<Step>({ do: fc.constantFrom('append', 'append', 'open', 'commit', 'rollback', 'project', 'project') })
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 25 }),
      fc.constantFrom('cartId', 'userId'),
      fc.integer({ min: 1, max: 3 }),
      async (steps, by, snapshotEvery) => {
        const id = `run-${++runCount}`
        const client = shop.clientWith({ limits: { settleTimeoutMs: 40 } })
        const snapped = historyOf(`snapped-${runCount}`, by, snapshotEvery)
        const plain = historyOf(`plain-${runCount}`, by, Infinity)
        const open: { end(outcome: 'commit' | 'rollback'): Promise<void> }[] = []
        let count = 0
        // With a lock on the field, appends of one id wait for each other: then each open one is for an id of its own.
        const event = (): ShopInput => {
          count++
          const own = by === 'cartId' && open.length > 0 ? `${id}-${count}` : id
          const data = by === 'cartId' ? { cartId: own, userId: 'x' } : { cartId: `${id}-${count}`, userId: id }
          // Ids as a clock that runs backwards would make them.
          return { type: 'CartCreated', id: `${String(1_000_000 - count).padStart(10, '0')}-${id}`, data }
        }
        for (const { do: action } of steps) {
          if (action === 'append') await client.saveEvent(event())
          else if (action === 'project') await client.project(snapped, id)
          else if (action === 'open' && open.length < 3) {
            const [begun, ending] = [Promise.withResolvers<void>(), Promise.withResolvers<'commit' | 'rollback'>()]
            const transaction = shop.db.transaction(async (tx) => {
              await client.saveEvent(event(), tx)
              begun.resolve()
              if ((await ending.promise) === 'rollback') tx.rollback()
            })
            const ended = transaction.catch(() => {})
            await begun.promise
            open.push({ end: async (outcome) => (ending.resolve(outcome), ended) })
          } else if (action === 'commit' || action === 'rollback') await open.shift()?.end(action)
        }
        for (const { end } of open) await end('commit')
        expect((await client.project(snapped, id)).state).toEqual((await client.project(plain, id)).state)
        expect((await client.project(snapped, id)).state).toEqual((await client.project(plain, id)).state)
      },
    ),
    { numRuns: 40 },
  )
})
