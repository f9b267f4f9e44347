import { decodeFrame, createSseDecoder, LIMITS, type EntryId, type Lsn, type QueryId } from '@zenstack-live/protocol'
import { describe, expect, it } from 'vitest'
import { snapshotFrames } from '../src/queries/snapshot-frames.ts'

const AT = { entry: '1-0' as EntryId, lsn: 1n as Lsn }

/** Part, whether it is the last, and how many rows it has, of each frame. */
function partsOf(count: number): unknown[] {
  const rows = Array.from({ length: count }, (_, index) => ({ key: String(index), row: { id: index } }))
  return snapshotFrames('q' as QueryId, AT, { shape: 'rows', rows }, LIMITS.snapshotRowsPerFrame).map((bytes) => {
    const [block] = createSseDecoder().feed(bytes.toString())
    const frame = decodeFrame(block?.event ?? '', block?.data ?? '')
    return frame?.event === 'snapshot' && frame.shape !== 'value' ? [frame.part, frame.isLast, frame.rows.length] : frame
  })
}

describe('the frames of a snapshot', () => {
  it('hold snapshotRowsPerFrame rows each, and the last one says that it is', () => {
    const most = LIMITS.snapshotRowsPerFrame
    expect([partsOf(0), partsOf(most), partsOf(most + 1)]).toEqual([
      [[0, true, 0]],
      [[0, true, most]],
      [
        [0, false, most],
        [1, true, 1],
      ],
    ])
  })
})
