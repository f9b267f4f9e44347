import { readFileSync } from 'node:fs'
import { createDatabase } from '@zenstack-live/testing'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import {
  cart,
  decideByHand,
  events,
  follow,
  handle,
  keep,
  openClient,
  projections,
  show,
  testByWords,
  writeFirstEvents,
  type ShopClient,
} from './docs/shop.ts'
import { createEventClient } from '../src/index.ts'
import { openDrizzle } from './support/postgres.ts'

const PAGE = new URL('../../../docs/event-sourcing.md', import.meta.url)
const SOURCE = new URL('docs/shop.ts', import.meta.url)

describe('docs/event-sourcing.md', () => {
  let pool: pg.Pool
  let client: ShopClient
  beforeAll(async () => {
    pool = new pg.Pool({ connectionString: await createDatabase(inject('postgresUrl')) })
    client = openClient(openDrizzle(pool))
    await client.install()
  })
  afterAll(() => pool.end())

  it('shows the code that these tests run, and all of it', () => {
    const regions = [...readFileSync(SOURCE, 'utf8').matchAll(/^( *)\/\/ #region (\w+)\n(.*?)\n *\/\/ #endregion/gms)].map(
      ([, indent = '', , code = '']) => code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    )
    // Copies of other files are held to those by `pnpm check`.
    const page = readFileSync(PAGE, 'utf8').replaceAll(/<!-- snippet: \S+ -->\n```ts\n.*?\n```/gs, '')
    const blocks = [...page.matchAll(/```ts\n(.*?)\n```/gs)].map(([, code]) => code)
    expect(new Set(blocks)).toEqual(new Set(regions))
    expect(blocks).toHaveLength(regions.length)
  })

  it('writes, decides, checks out once, and follows', async () => {
    await writeFirstEvents(client)
    await writeFirstEvents(client)
    await decideByHand(client)
    await handle(client)
    await handle(client)
    const stop = new AbortController()
    const followed: string[] = []
    await follow(client, stop.signal, async (event) => {
      followed.push(event.type)
      stop.abort()
    })
    expect(followed).toEqual(['CheckedOut'])
    expect((await client.project(cart, 'cart-1')).state).toEqual({ userId: 'ann', items: { pen: 2, ink: 1 }, isCheckedOut: true })
  })

  it('keeps and shows the projection', async () => {
    const stop = new AbortController()
    const errors: unknown[] = []
    const keeping = keep(client, stop.signal, (error) => errors.push(error))
    await client.waitFor(cart, (await client.read({})).events.at(-1)?.position ?? 0)
    const frames: unknown[] = []
    await show(
      client,
      (frame) => {
        frames.push(frame)
        stop.abort()
      },
      stop.signal,
    )
    await keeping
    expect(errors).toEqual([])
    expect(frames).toMatchObject([{ kind: 'snapshot', state: { isCheckedOut: true } }])
  })

  it('tests by words', () => {
    testByWords()
  })

  it('brings an item of version 1 up to date', async () => {
    await createEventClient(openDrizzle(pool), events, projections).saveEvent({ type: 'ItemAdded', data: { cartId: 'old', sku: 'pen' } })
    expect((await client.project(cart, 'old')).state.items).toEqual({ pen: 1 })
  })
})
