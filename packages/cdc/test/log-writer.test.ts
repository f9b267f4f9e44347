import { parseLsn, type LogBatch, type Lsn } from '@zenstack-live/protocol'
import { describe, expect, it } from 'vitest'
import type { AssembledBatch } from '../src/assembler.ts'
import { LogWriter, type LogWriterOptions } from '../src/log-writer.ts'

const lsn = (value: number): Lsn => parseLsn(String(value))
const epochBits = 1n << 52n
const idAt = (value: number, minor: number): string => `${epochBits | BigInt(value)}-${minor}`

function batch(endLsn: number, bytes = 10): AssembledBatch {
  const id = idAt(endLsn, 1) as never
  return {
    batch: { entries: [{ kind: 'change', id, lsn: lsn(endLsn), xid: 1, isLastOfTransaction: true, key: null, value: '{}' }] },
    endLsn: lsn(endLsn),
    bytes,
    commitTimeMs: 0,
  }
}

/** A writer whose log answers when it is told to. */
function setUp(options: Partial<LogWriterOptions> = {}) {
  const calls: { ids: string[]; finish: () => void; fail: (error: Error) => void }[] = []
  const kept: bigint[] = []
  const rooms: boolean[] = []
  const errors: unknown[] = []
  const clock = { nowMs: 1_000 }
  const writer = new LogWriter({
    sink: {
      write: (batches: readonly LogBatch[]) =>
        new Promise<void>((resolve, reject) =>
          calls.push({ ids: batches.flatMap(({ entries }) => entries.map(({ id }) => id)), finish: resolve, fail: reject }),
        ),
    },
    epoch: 1,
    keptLsn: lsn(100),
    maxPendingBytes: 100,
    maxEntriesPerWrite: 3,
    progressIntervalMs: 1_000,
    onKept: (point) => point !== undefined && kept.push(point.lsn),
    onRoom: (hasRoom) => rooms.push(hasRoom),
    onError: (error) => errors.push(error),
    now: () => clock.nowMs,
    ...options,
  })
  return { writer, calls, kept, rooms, errors, clock }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const point = (value: number) => ({ lsn: lsn(value), lastCommitLsn: null })

describe('LogWriter', () => {
  it('hands over together what came together, and what came meanwhile after that', async () => {
    const { writer, calls, kept } = setUp()
    writer.push(batch(110))
    writer.push(batch(120))
    await settled()
    expect(calls.map(({ ids }) => ids)).toEqual([[idAt(110, 1), idAt(120, 1)]])
    writer.push(batch(130))
    writer.push(batch(140))
    await settled()
    expect(calls).toHaveLength(1)
    expect(kept).toEqual([])
    calls[0]?.finish()
    await settled()
    expect(kept).toEqual([120n])
    expect(calls[1]?.ids).toEqual([idAt(130, 1), idAt(140, 1)])
  })

  it('bounds one call, but never cuts a batch', async () => {
    const { writer, calls } = setUp({ maxEntriesPerWrite: 2 })
    for (const end of [110, 120, 130]) writer.push(batch(end))
    await settled()
    expect(calls[0]?.ids).toHaveLength(2)
  })

  it('writes a mark only above all that was pushed: a commit at the same LSN comes after it, and one that was there needs none', async () => {
    const { writer, calls } = setUp()
    writer.progress(point(150), true)
    await settled()
    expect(calls.map(({ ids }) => ids)).toEqual([[idAt(150, 0)]])
    calls[0]?.finish()
    await settled()
    // The commit record ends where the log already stands: its id is still above the mark's.
    writer.push(batch(150))
    writer.progress(point(150), true)
    await settled()
    expect(calls[1]?.ids).toEqual([idAt(150, 1)])
    calls[1]?.finish()
    await settled()
    writer.progress(point(150), true)
    writer.progress(point(140), true)
    await settled()
    expect(calls).toHaveLength(2)
  })

  it('lets marks that nobody waits for come once in an interval', async () => {
    const { writer, calls, clock } = setUp()
    const tick = async (value: number): Promise<void> => {
      writer.progress(point(value), false)
      await settled()
      calls.at(-1)?.finish()
      await settled()
    }
    await tick(200)
    await tick(300)
    expect(calls.map(({ ids }) => ids)).toEqual([[idAt(200, 0)]])
    clock.nowMs += 1_000
    await tick(400)
    expect(calls.at(-1)?.ids).toEqual([idAt(400, 0)])
  })

  it('says when there is no room, and when there is again', async () => {
    const { writer, calls, rooms } = setUp({ maxEntriesPerWrite: 1 })
    writer.push(batch(110, 80))
    writer.push(batch(120, 30))
    expect(rooms).toEqual([false])
    await settled()
    calls[0]?.finish()
    await settled()
    expect(rooms).toEqual([false, true])
  })

  it('passes an error on and writes nothing behind it', async () => {
    const { writer, calls, errors, kept } = setUp({ maxEntriesPerWrite: 1 })
    writer.push(batch(110))
    writer.push(batch(120))
    await settled()
    calls[0]?.fail(new Error('no'))
    writer.close()
    await settled()
    expect(errors).toEqual([new Error('no')])
    expect(calls).toHaveLength(1)
    expect(kept).toEqual([])
  })

  it('does not say of a schema mark that all before it was kept: the commit that it stands in front of is not there yet', async () => {
    const { writer, calls, kept } = setUp({ maxEntriesPerWrite: 1 })
    writer.push({ ...batch(119), commitTimeMs: undefined })
    writer.push(batch(120))
    await settled()
    calls[0]?.finish()
    await settled()
    expect([kept, writer.keptLsn]).toEqual([[], lsn(119)])
    calls[1]?.finish()
    await settled()
    expect([kept, writer.keptLsn]).toEqual([[120n], lsn(120)])
  })

  it('does not go back when the log already has what comes', async () => {
    const { writer, calls } = setUp({ keptLsn: lsn(500) })
    writer.push(batch(110))
    await settled()
    calls[0]?.finish()
    await settled()
    expect(writer.keptLsn).toBe(500n)
    expect(writer.reachedLsn).toBe(500n)
  })
})
