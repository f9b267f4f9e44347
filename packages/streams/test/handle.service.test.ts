import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { DeliveryFailure } from '../src/index.ts'
import { openLab, type Lab } from './support/lab.ts'
import { PATIENCE_MS } from './support/patience.ts'

let lab: Lab

beforeAll(async () => {
  lab = await openLab()
})
afterAll(() => lab.close())
const soon = { backoff: () => 5 }

describe('a handler', () => {
  it('gets each event once, and goes on where it stopped', async () => {
    const body = lab.freshName()
    await notes(body, 30)
    const seen: number[] = []
    for (let round = 0; round < 2; round++) {
      const streams = lab.process()
      const handle = streams.handle({ model: 'Note', id: body, start: 'beginning', created: { body } }, (event) => void seen.push(event.created.rank))
      await vi.waitFor(() => expect(seen).toHaveLength(30 * (round + 1)), PATIENCE_MS)
      await handle.close()
      await notes(body, 30, 30)
    }
    expect(seen).toEqual(Array.from({ length: 60 }, (_, rank) => rank))
  })

  it('runs as many as it may at once, but those of one row one after the other, in order', async () => {
    const body = lab.freshName()
    await notes(body, 8)
    await lab.sql('UPDATE "Note" SET rank = rank + 100 WHERE body = $1', [body])
    await lab.sql('UPDATE "Note" SET rank = rank + 100 WHERE body = $1', [body])
    const running = new Set<string>()
    const seen = new Map<string, number[]>()
    let most = 0
    const handle = lab.process().handle(
      { model: 'Note', id: body, start: 'beginning', created: { body }, updated: { after: { body }, before: { body } } },
      async (event) => {
        expect(running.has(event.key)).toBe(false)
        running.add(event.key)
        most = Math.max(most, running.size)
        await new Promise((resolve) => setTimeout(resolve, 10))
        running.delete(event.key)
        const rank = event.type === 'created' ? event.created.rank : event.updated.after.rank
        seen.set(event.key, [...(seen.get(event.key) ?? []), rank])
      },
      { concurrency: 4 },
    )
    await vi.waitFor(() => expect([...seen.values()].flat()).toHaveLength(24), PATIENCE_MS)
    expect(most).toBe(4)
    for (const ranks of seen.values()) expect(ranks).toEqual([ranks[0], (ranks[0] ?? 0) + 100, (ranks[0] ?? 0) + 200])
    await handle.close()
  })

  it('is tried again when it fails, while the row waits and others go on', async () => {
    const body = lab.freshName()
    await notes(body, 3)
    await lab.sql('UPDATE "Note" SET rank = rank + 100 WHERE body = $1', [body])
    const seen: string[] = []
    let failures = 0
    const onFailure = vi.fn<(failure: DeliveryFailure) => void>()
    const handle = lab.process().handle(
      { model: 'Note', id: body, start: 'beginning', created: { body }, updated: { before: { body }, after: { body } } },
      (event, { delivery }) => {
        const rank = event.type === 'created' ? event.created.rank : event.updated.after.rank
        if (rank === 1 && failures++ < 2) throw new Error('not yet')
        seen.push(`${rank}/${delivery}`)
      },
      { ...soon, onFailure },
    )
    await vi.waitFor(() => expect(seen).toHaveLength(6), PATIENCE_MS)
    expect(seen.indexOf('1/3')).toBeLessThan(seen.indexOf('101/1'))
    expect(seen.indexOf('2/1')).toBeLessThan(seen.indexOf('1/3'))
    expect(onFailure.mock.calls.map(([failure]) => [failure.deliveries, failure.isDead])).toEqual([
      [1, false],
      [2, false],
    ])
    await handle.close()
  })

  it('that always fails leaves a dead letter, and the rest goes on; replay and discard work', async () => {
    const body = lab.freshName()
    await notes(body, 5)
    const streams = lab.process()
    const seen: number[] = []
    let isMended = false
    const handle = streams.handle(
      { model: 'Note', id: body, start: 'beginning', created: { body }, leaseMs: 300 },
      (event) => {
        if ([1, 3].includes(event.created.rank) && !isMended) throw new Error(`poison ${event.created.rank}`)
        seen.push(event.created.rank)
      },
      { ...soon, maxDeliveries: 3, concurrency: 2 },
    )
    await vi.waitFor(async () => expect(await streams.admin.deadLetters(body)).toHaveLength(2), PATIENCE_MS)
    expect(seen.toSorted(ascending)).toEqual([0, 2, 4])
    const [letter, other] = await streams.admin.deadLetters(body)
    expect(letter).toMatchObject({ model: 'Note', type: 'created', deliveries: 3, error: expect.stringContaining('poison'), date: expect.any(Date) })
    expect((await streams.admin.list()).find(({ id }) => id === body)).toMatchObject({ deadLetters: 2 })

    // Still poisonous: it becomes a dead letter again.
    expect(await streams.admin.replay(body, letter?.position)).toBe(1)
    await vi.waitFor(
      async () => expect((await streams.admin.deadLetters(body)).map(({ deliveries }) => deliveries).toSorted(ascending)).toEqual([3, 4]),
      PATIENCE_MS,
    )
    isMended = true
    expect(await streams.admin.replay(body, letter?.position)).toBe(1)
    await vi.waitFor(() => expect(seen).toHaveLength(4), PATIENCE_MS)
    await vi.waitFor(async () => expect(await streams.admin.deadLetters(body)).toHaveLength(1), PATIENCE_MS)
    expect(await streams.admin.discard(body, other?.position)).toBe(1)
    expect(await streams.admin.deadLetters(body)).toEqual([])
    await handle.close()
  })

  it('that is aborted finishes what runs and keeps the place of what does not', async () => {
    const body = lab.freshName()
    await notes(body, 4)
    const stop = new AbortController()
    const seen: string[] = []
    const handle = lab.process().handle({ model: 'Note', id: body, start: 'beginning', created: { body }, signal: stop.signal }, async (event) => {
      if (event.created.rank === 1) stop.abort()
      await new Promise((resolve) => setTimeout(resolve, 30))
      seen.push(`a${event.created.rank}`)
    })
    await handle.ended
    expect(seen).toEqual(['a0', 'a1'])
    const next = lab
      .process()
      .handle({ model: 'Note', id: body, created: { body } }, (event, { delivery }) => void seen.push(`b${event.created.rank}/${delivery}`))
    await vi.waitFor(() => expect(seen).toHaveLength(4), PATIENCE_MS)
    expect(seen.slice(2)).toEqual(['b2/1', 'b3/1'])
    await next.close()
  })

  it('cannot acknowledge over its successor', async () => {
    const body = lab.freshName()
    await notes(body, 2)
    let release: (() => void) | undefined
    const first = lab.process({ drainMs: 50 })
    const stuck = first.handle({ model: 'Note', id: body, start: 'beginning', created: { body }, leaseMs: 200 }, async () => {
      await new Promise<void>((resolve) => (release = resolve))
    })
    await vi.waitFor(() => expect(release).toBeDefined(), PATIENCE_MS)
    // As a paused process: its lease runs out, and another takes over before it comes back.
    const [info] = (await lab.log.readers.list()).filter(({ id }) => id === body)
    const seen: string[] = []
    const lease = await vi.waitFor(async () => {
      const taken = await lab.log.readers.acquire(body, { owner: info?.owner ?? '', leaseMs: 60_000 })
      if ('heldByOwner' in taken) throw new Error('held')
      return taken
    }, PATIENCE_MS)
    const before = lease.record?.cursor
    release?.()
    await new Promise((resolve) => setTimeout(resolve, 300))
    const [after] = (await lab.log.readers.list()).filter(({ id }) => id === body)
    expect(after?.cursor).toBe(before)
    await lab.log.readers.release(lease)
    await stuck.close()
    const next = lab.process().handle({ model: 'Note', id: body, created: { body } }, (event) => void seen.push(String(event.created.rank)))
    await vi.waitFor(() => expect(seen).toEqual(['0', '1']), PATIENCE_MS)
    await next.close()
  })

  it('has many deliveries counted in one save where it is quick, and those taken back whose turn did not come', async () => {
    const body = lab.freshName()
    await notes(body, 400)
    const saves = vi.spyOn(lab.log.readers, 'save')
    const seen: string[] = []
    const stuck = Promise.withResolvers<void>()
    const options = { model: 'Note', id: body, start: 'beginning', created: { body } } as const
    const first = lab.process().handle(
      options,
      async (event, { delivery }) => {
        if (event.created.rank >= 350) await stuck.promise
        seen.push(`${event.created.rank}/${delivery}`)
      },
      { concurrency: 2 },
    )
    await vi.waitFor(() => expect(seen).toHaveLength(350), 30_000)
    expect(saves.mock.calls.filter(([{ id }]) => id === body).length).toBeLessThan(100)
    saves.mockRestore()
    const closed = first.close()
    stuck.resolve()
    await closed
    const second = lab.process().handle(options, (event, { delivery }) => void seen.push(`${event.created.rank}/${delivery}`))
    await vi.waitFor(() => expect(seen).toHaveLength(400), 30_000)
    expect(seen).toEqual(Array.from({ length: 400 }, (_, rank) => `${rank}/1`))
    await second.close()
  })

  it('has none counted ahead of those that run where it is slow', async () => {
    const body = lab.freshName()
    await notes(body, 20)
    const stuck = Promise.withResolvers<void>()
    let running = 0
    const options = { model: 'Note', id: body, start: 'beginning', created: { body } } as const
    const handle = lab.process().handle(options, () => (running++, stuck.promise), { concurrency: 2 })
    await vi.waitFor(() => expect(running).toBe(2), 30_000)
    const [info] = (await lab.log.readers.list()).filter(({ id }) => id === body)
    expect(Object.keys((JSON.parse(info?.state ?? '{}') as { tries: object }).tries)).toHaveLength(2)
    stuck.resolve()
    await handle.close()
  })

  it('that ended the process is not tried for ever, and takes nobody with it', async () => {
    const body = lab.freshName()
    await notes(body, 6)
    const seen = new Map<number, number>()
    // A process that dies: its handlers never return, and its lease runs out.
    for (let life = 0; life < 5; life++) {
      const streams = lab.process({ drainMs: 1 })
      let died: (() => void) | undefined
      const death = new Promise<void>((resolve) => (died = resolve))
      let isDead = false
      const handle = streams.handle(
        { model: 'Note', id: body, start: 'beginning', created: { body }, leaseMs: 200 },
        async (event) => {
          if (event.created.rank === 2) {
            isDead = true
            died?.()
          }
          if (isDead) await new Promise(() => undefined)
          await new Promise((resolve) => setTimeout(resolve, 5))
          if (isDead) await new Promise(() => undefined)
          seen.set(event.created.rank, (seen.get(event.created.rank) ?? 0) + 1)
        },
        { concurrency: 4, maxDeliveries: 3 },
      )
      const isDone = vi.waitFor(() => expect([...seen.keys()].toSorted(ascending)).toEqual([0, 1, 3, 4, 5]), PATIENCE_MS).then(() => 'done')
      const outcome = await Promise.race([death.then(() => 'died'), isDone])
      await handle.close()
      if (outcome === 'done') break
      isDone.catch(() => undefined)
    }
    expect((await lab.process().admin.deadLetters(body)).map(({ deliveries, error }) => [deliveries, error.includes('process ended')])).toEqual([
      [3, true],
    ])
    expect([...seen.keys()].toSorted(ascending)).toEqual([0, 1, 3, 4, 5])
  })
})

async function notes(body: string, count: number, from = 0): Promise<void> {
  await lab.db.note.createMany({ data: Array.from({ length: count }, (_, index) => ({ ownerId: 'ann', body, rank: from + index })) })
}

function ascending(a: number, b: number): number {
  return a - b
}
