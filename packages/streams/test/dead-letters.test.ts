import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedLog, type ChangeLog } from '@zenstack-live/change-log'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { noteEntries, noteUpdate } from './support/note-entries.ts'
import { createNoteData } from './support/note-model.ts'
import { noteStreams } from './support/note-streams.ts'

const PATIENCE = { timeout: 30_000, interval: 5 }

let directory: string
let log: ChangeLog
let streams: ReturnType<typeof noteStreams>
let warnings: string[]

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'zenstack-live-letters-'))
  log = await openEmbeddedLog({ directory })
  warnings = []
  streams = noteStreams(log, {}, warnings)
})
afterEach(async () => {
  await streams.close()
  await log.close()
  rmSync(directory, { recursive: true, force: true })
})

const OPTIONS = { model: 'Note', id: 'mail', start: 'beginning', leaseMs: 150, created: {}, updated: {} } as const
const settled = async (letters: number): Promise<void> =>
  vi.waitFor(async () => expect((await streams.admin.list())[0]).toMatchObject({ deadLetters: letters, partitions: [{ lagBytes: 0n }] }), PATIENCE)

describe('a dead letter that is replayed', { timeout: 60_000 }, () => {
  it('waits for its row as any event does, whatever else is free', async () => {
    await log.append(noteEntries(2))
    const slow = Promise.withResolvers<void>()
    const told: string[] = []
    let isPoison = true
    streams.handle(
      OPTIONS,
      async (event) => {
        if (event.type === 'created' && event.created.rank === 0 && isPoison) throw new Error('poison')
        told.push(`${event.type} ${event.key}`)
        if (event.type === 'updated') await slow.promise
        told.push(`${event.type} ${event.key} is done`)
      },
      { maxDeliveries: 1, concurrency: 8 },
    )
    await settled(1)
    isPoison = false
    const [key] = (await streams.admin.deadLetters('mail')).map((letter) => letter.key)
    await log.append([noteUpdate(0, 2), noteUpdate(1, 3)])
    await vi.waitFor(() => expect(told).toContain(`updated ${key}`), PATIENCE)
    expect(await streams.admin.replay('mail')).toBe(1)
    // Long enough for the one who runs it to have looked at it.
    await new Promise((resolve) => setTimeout(resolve, 3 * OPTIONS.leaseMs))
    expect(told).not.toContain(`created ${key}`)
    slow.resolve()
    await vi.waitFor(
      () => expect(told.filter((each) => each.includes(`${key}`)).slice(-2)).toEqual([`created ${key}`, `created ${key} is done`]),
      PATIENCE,
    )
    expect(told.indexOf(`created ${key}`)).toBeGreaterThan(told.indexOf(`updated ${key} is done`))
    await settled(0)
  })

  it('can be seen, and thrown away, while nobody delivers it', async () => {
    await log.append(noteEntries(3))
    const failing = streams.handle(
      OPTIONS,
      () => {
        throw new Error('poison')
      },
      { maxDeliveries: 1 },
    )
    await settled(3)
    await failing.close()
    const [first, second] = await streams.admin.deadLetters('mail')
    expect(await streams.admin.replay('mail', first?.position)).toBe(1)
    expect((await streams.admin.deadLetters('mail')).map(({ isReplaying }) => isReplaying)).toEqual([true, false, false])
    expect(await streams.admin.list()).toMatchObject([{ deadLetters: 2, replaying: 1, partitions: [{ deadLetters: 2, replaying: 1 }] }])
    expect(await streams.admin.discard('mail', first?.position)).toBe(1)
    expect(await streams.admin.replay('mail', second?.position)).toBe(1)
    expect(await streams.admin.discard('mail')).toBe(2)
    expect(await streams.admin.deadLetters('mail')).toEqual([])
  })

  it('of a table that the id does not follow any more stays one, and says so', async () => {
    await log.append(noteEntries(1))
    const failing = streams.handle(
      OPTIONS,
      () => {
        throw new Error('poison')
      },
      { maxDeliveries: 1 },
    )
    await settled(1)
    await failing.close()
    expect(await streams.admin.replay('mail')).toBe(1)
    const handler = vi.fn<() => void>()
    const moved = noteStreams(log, {}, warnings, createNoteData('archive'))
    moved.handle(OPTIONS, handler)
    await vi.waitFor(
      () => expect(warnings).toContainEqual(expect.stringMatching(/^A dead letter .* is of "Note", which it does not follow any more/)),
      PATIENCE,
    )
    await settled(1)
    expect(handler).not.toHaveBeenCalled()
    await moved.close()
  })
})

describe('dead letters beyond what an id may keep', { timeout: 60_000 }, () => {
  it('go with a warning, the oldest first, and are counted', async () => {
    await log.append(noteEntries(5))
    streams.handle(
      OPTIONS,
      () => {
        throw new Error('poison')
      },
      { maxDeliveries: 1, maxDeadLetters: 2 },
    )
    await settled(2)
    expect(await streams.admin.list()).toMatchObject([{ lettersLost: 3 }])
    const lost = warnings.map((warning) => Number(/The (\d+) oldest dead letters of "mail" are gone for good: it may keep 2/.exec(warning)?.[1] ?? 0))
    expect(lost.reduce((sum, each) => sum + each, 0)).toBe(3)
    expect((await streams.admin.deadLetters('mail')).map(({ key }) => JSON.parse(key))).toHaveLength(2)
  })
})
