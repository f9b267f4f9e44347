import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEventClient, createEventsTable, createProjectionsTable, type AppendCondition, type EventClient } from '../src/index.ts'
import { openShop, type Shop } from './support/postgres.ts'

const events = createEventsTable({ schema: 'locked', identifiers: ['cartId', { key: 'tenantId', lock: 'shared' }] })
const projections = createProjectionsTable({ schema: 'locked' })

describe('the locks of an append', () => {
  let shop: Shop
  const clients: EventClient[] = []

  beforeAll(async () => {
    shop = await openShop()
    for (const useAppendFunction of [true, false]) clients.push(createEventClient(shop.db, events, projections, { useAppendFunction }))
    await clients[0]?.install()
  })
  afterAll(() => shop.close())

  /** The advisory locks an append holds, read from within its own transaction. */
  const locksOf = async (client: EventClient | undefined, condition?: AppendCondition): Promise<string[]> => {
    let held: string[] = []
    const undone = shop.db.transaction(async (tx) => {
      await client?.append({ type: 'ItemAdded', data: { cartId: 'a', tenantId: 't', other: 1 } }, { tx, condition, idempotencyKey: 'k' })
      const { rows } = await tx.execute(
        `SELECT classid::text || ':' || objid::text || ' ' || mode AS lock FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() ORDER BY 1`,
      )
      held = rows.map((row) => String(row['lock']))
      tx.rollback()
    })
    await expect(undone).rejects.toThrow()
    return held
  }

  it.each<[string, AppendCondition | undefined, number, number]>([
    ['without a condition', undefined, 2, 3],
    ['on its own identifier', { failIfEventsMatch: { identifier: { cartId: 'a' } } }, 2, 3],
    ['on another identifier', { failIfEventsMatch: { types: ['X'], identifier: { cartId: 'b', other: 1 } } }, 3, 3],
    ['on a shared identifier', { failIfEventsMatch: { identifier: { tenantId: 't' } } }, 3, 2],
    ['on a type', { failIfEventsMatch: { types: ['ItemAdded'] } }, 3, 2],
    ['on an undeclared field of a type', { failIfEventsMatch: { types: ['ItemAdded'], identifier: { other: 1 } } }, 3, 2],
    ['on everything', { failIfEventsMatch: {}, after: 1_000_000 }, 3, 2],
  ])('are the same from the function and from statements, %s', async (_name, condition, exclusiveCount, sharedCount) => {
    const [fromFunction, fromStatements] = [await locksOf(clients[0], condition), await locksOf(clients[1], condition)]
    expect(fromStatements).toEqual(fromFunction)
    expect(fromFunction.filter((lock) => lock.endsWith('ExclusiveLock') && !lock.endsWith('ShareLock'))).toHaveLength(exclusiveCount)
    expect(fromFunction.filter((lock) => lock.endsWith('ShareLock'))).toHaveLength(sharedCount)
  })

  it('hold off a condition on a shared identifier until its writers have ended', async () => {
    const [client] = clients
    let checked: Promise<unknown> = Promise.resolve()
    await shop.db.transaction(async (tx) => {
      await client?.saveEvent({ type: 'ItemAdded', data: { cartId: 'x', tenantId: 'busy' } }, tx)
      await client?.saveEvent({ type: 'ItemAdded', data: { cartId: 'y', tenantId: 'busy' } })
      checked = Promise.resolve(
        client?.append(
          { type: 'Closed', data: { tenantId: 'busy' } },
          { condition: { failIfEventsMatch: { identifier: { tenantId: 'busy' } }, after: 1_000_000 } },
        ),
      )
      await expect(Promise.race([checked, new Promise((resolve) => setTimeout(() => resolve('waiting'), 60))])).resolves.toBe('waiting')
    })
    await expect(checked).resolves.toBeDefined()
  })

  it('are those that the installed function knows: a process that relies on more is refused', async () => {
    const more = createEventsTable({ schema: 'locked', identifiers: ['cartId', 'tenantId', 'orderId'] })
    const unaware = createEventClient(shop.db, more, projections)
    await expect(unaware.saveEvent({ type: 'X', data: {} })).rejects.toMatchObject({ code: 'setup_required' })
    const fewer = createEventsTable({ schema: 'locked', identifiers: ['cartId'] })
    await expect(createEventClient(shop.db, fewer, projections).saveEvent({ type: 'X', data: {} })).resolves.toBeDefined()
  })
})
