import type { ReaderLease } from '@zenstack-live/change-log'
import { FIRST_ENTRY_ID, type LogEntry } from '@zenstack-live/protocol'
import { expect, it } from 'vitest'
import { STREAM_LIMITS } from '../src/limits.ts'
import { SharedChange } from '../src/page/shared-change.ts'
import { Deliveries, type DeliveriesDeps } from '../src/reader/deliveries.ts'
import { Progress } from '../src/reader/progress.ts'
import { noteEntries } from './support/note-entries.ts'

it('takes up no more text than it may, and goes on when half of it is handled', async () => {
  const [first, second, third] = noteEntries(3)
    .flatMap(({ entries }) => entries)
    .map(changeOf)
  if (first === undefined || second === undefined || third === undefined) throw new Error('There are three.')
  const chars = first.entry.value.length
  const handlers: (() => void)[] = []
  // What it asks of its surroundings; the rest of them is not needed.
  const deps = {
    config: {
      concurrency: 3,
      retries: undefined,
      limits: { ...STREAM_LIMITS, maxAheadChars: 2 * chars + 10 },
      deliver: () => new Promise<void>((resolve) => handlers.push(resolve)),
    },
    lease: {} as ReaderLease,
    progress: new Progress('log', FIRST_ENTRY_ID),
    saver: { isFresh: true, request: () => undefined },
    signal: new AbortController().signal,
    isStopping: () => false,
  } as unknown as DeliveriesDeps
  const deliveries = new Deliveries(deps)
  const match = (key: string): Parameters<Deliveries['add']>[1] => ({ model: 'Note', kind: 'created', key, toEvent: () => ({}) as never })
  expect(deliveries.add(first, match('a'))).toBeUndefined()
  expect(deliveries.add(second, match('b'))).toBeUndefined()
  let hasRoom = false
  const room = deliveries.add(third, match('c'))?.then(() => (hasRoom = true))
  handlers[0]?.()
  await new Promise((resolve) => setImmediate(resolve))
  expect(hasRoom).toBe(false)
  handlers[1]?.()
  await room
  expect(hasRoom).toBe(true)
})

it('offers a loop its events in their order, also those that came while it was not known whose they are', () => {
  const offered: string[] = []
  let isFresh = false
  const deps = {
    config: { concurrency: 3, retries: undefined, limits: STREAM_LIMITS, deliver: (event: string) => void offered.push(event) },
    lease: {} as ReaderLease,
    progress: new Progress('log', FIRST_ENTRY_ID),
    saver: {
      get isFresh() {
        return isFresh
      },
      request: () => undefined,
      afterSave: () => undefined,
    },
    signal: new AbortController().signal,
    isStopping: () => false,
  } as unknown as DeliveriesDeps
  const deliveries = new Deliveries(deps)
  for (const [index, entry] of noteEntries(3)
    .flatMap(({ entries }) => entries)
    .entries()) {
    isFresh = index > 0
    void deliveries.add(changeOf(entry), { model: 'Note', kind: 'created', key: 'a', toEvent: () => `event ${index}` as never })
  }
  expect(offered).toEqual(['event 0', 'event 1', 'event 2'])
})

it('has finished what becomes a dead letter, for the letter may be saved at once', () => {
  const progress = new Progress('log', FIRST_ENTRY_ID)
  const cursors: string[] = []
  const deps = {
    config: {
      concurrency: 1,
      retries: { maxDeliveries: 1, backoff: () => 0 },
      limits: STREAM_LIMITS,
      deliver: () => {
        throw new Error('poison')
      },
    },
    lease: {} as ReaderLease,
    progress,
    saver: {
      isFresh: true,
      request: () => undefined,
      afterSave: (then: () => void) => then(),
      addLetter: () => cursors.push(progress.record().cursor),
    },
    signal: new AbortController().signal,
    isStopping: () => false,
  } as unknown as DeliveriesDeps
  const deliveries = new Deliveries(deps)
  const match = { model: 'Note', kind: 'created', key: 'a', toEvent: () => ({}) as never } as const
  const [failing, killing] = noteEntries(2).flatMap(({ entries }) => entries)
  if (failing === undefined || killing === undefined) throw new Error('There are two.')
  void deliveries.add(changeOf(failing), match)
  // As it was counted before its process ended.
  progress.count(killing.id)
  void deliveries.add(changeOf(killing), match)
  expect(cursors).toEqual([failing.id, killing.id])
})

function changeOf(entry: LogEntry): SharedChange {
  if (entry.kind !== 'change') throw new Error('Notes are changes.')
  return new SharedChange(entry, FIRST_ENTRY_ID)
}
