import { createDatabase } from '@zenstack-live/testing'
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { EventClient } from '../src/index.ts'
import { assembleReadme } from './seed-readme/assemble.ts'

const FOLDER = fileURLToPath(new URL('seed-readme/generated', import.meta.url))

interface CartClass {
  new (cartId: string, client: EventClient): { asJson(): Promise<unknown>; saveProjection(): Promise<unknown> }
}

async function load(file: string): Promise<Readonly<Record<string, unknown>>> {
  return import(/* @vite-ignore */ join(FOLDER, file))
}

describe("the seed's README", () => {
  let client: EventClient
  let Cart: CartClass
  let end: () => Promise<void>

  beforeAll(async () => {
    expect(assembleReadme(FOLDER).blockCount).toBe(8)
    process.env['SEED_README_URL'] = await createDatabase(inject('postgresUrl'))
    const { getEventClient } = (await load('client.ts')) as { getEventClient: () => EventClient }
    const { sqlClient } = (await load('db.ts')) as { sqlClient: { end(): Promise<void> } }
    Cart = ((await load('projections/cart.projection.ts')) as { CartProjection: CartClass }).CartProjection
    end = () => sqlClient.end()
    client = getEventClient()
    await client.install()
  })
  afterAll(async () => {
    await end()
    rmSync(FOLDER, { recursive: true, force: true })
  })

  it('compiles under strict, block by block, with nothing added but imports it leaves out', () => {
    const tsc = fileURLToPath(new URL('../../../node_modules/.bin/tsc', import.meta.url))
    const { status, stdout } = spawnSync(tsc, ['-p', join(FOLDER, 'tsconfig.json')], { encoding: 'utf8' })
    expect(stdout).toBe('')
    expect(status).toBe(0)
  })

  it('writes events, and its cart projection shows them', async () => {
    await load('writing.ts')
    expect(await new Cart('cart_123', client).asJson()).toEqual({
      id: 'cart_123',
      userId: 'user_456',
      items: [{ productId: 'prod_789', quantity: 1, priceAtTime: 1999 }],
      isCheckedOut: false,
      total: 1999,
    })
  })

  it('saves its cart projection and does not forget the past when one more event comes', async () => {
    await new Cart('cart_123', client).saveProjection()
    await client.saveEvent({ type: 'ITEM_ADDED_TO_CART', data: { cartId: 'cart_123', productId: 'prod_1', quantity: 1, priceAtTime: 1 } })
    const expected = { userId: 'user_456', total: 2000 }
    expect(await new Cart('cart_123', client).asJson()).toMatchObject(expected)
    await new Cart('cart_123', client).saveProjection()
    expect(await new Cart('cart_123', client).asJson()).toMatchObject(expected)
  })

  it('validates streams: accepts for an untouched cart, rejects once items were added, refuses when checked out', async () => {
    const { run } = (await load('validating.ts')) as { run: (cartId: string) => Promise<void> }
    await client.saveEvent({ type: 'CART_CREATED', data: { cartId: 'cart_new', userId: 'user_1' } })
    await run('cart_new')
    expect(await new Cart('cart_new', client).asJson()).toMatchObject({ items: [{ productId: 'prod_789' }] })
    await expect(run('cart_new')).rejects.toMatchObject({ code: 'concurrency_conflict' })
    await client.saveEvent({ type: 'CART_CHECKED_OUT', data: { cartId: 'cart_new', checkoutTime: 'now' } })
    await expect(run('cart_new')).rejects.toThrow('Cannot add items to a checked out cart')
  })
})
