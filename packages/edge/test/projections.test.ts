import { LIMITS, type LiveProjectionReader } from '@zenstack-live/protocol'
import { expect, it, vi } from 'vitest'
import { createKeys } from '../src/keys.ts'
import { Projections } from '../src/projections/projections.ts'

it('closes what reads a projection when nobody watches any more, also where it could not be opened before', async () => {
  const close = vi.fn(async () => {})
  const reader: LiveProjectionReader = {
    async *watch() {
      yield { kind: 'snapshot', position: 1, state: 'full' }
    },
    wake: () => {},
    close,
  }
  const open = vi
    .fn(() => reader)
    .mockImplementationOnce(() => {
      throw new Error('away')
    })
  const context = {
    hub: { log: { identity: 'log', epoch: 1 }, listen: () => {} },
    identityChanges: { isOutdated: () => false, areTold: async () => true },
    keys: createKeys('a secret of sixteen bytes'),
    limits: LIMITS,
  }
  const projections = new Projections(context as never, {
    cart: { projection: { name: 'cart', version: 1, tables: [], open }, authorize: () => true },
  })
  const visitor = { settle: async () => ({ identity: { auth: {} }, askedAt: 1 }) }
  const read = (): Promise<Response> => {
    const wanted = { name: 'cart', id: 'c1', kind: 'read', lastEventId: undefined } as const
    return projections.answer({ wanted, visitor: visitor as never, node: undefined, door: {} as never })
  }
  await expect(read()).rejects.toThrow('away')
  expect(await (await read()).json()).toMatchObject({ data: 'full' })
  expect([open.mock.calls.length, close.mock.calls.length]).toEqual([2, 1])
})
