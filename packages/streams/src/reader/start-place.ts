import type { ReaderInfo } from '@zenstack-live/change-log'
import { compareEntryIds, FIRST_ENTRY_ID, parseEntryId, type EntryId } from '@zenstack-live/protocol'
import { StreamGapError, type StreamGap } from '../stream-error.ts'
import { parsePartitionName } from './partition-of.ts'
import type { ReaderConfig } from './reader-config.ts'

export interface StartPlace {
  after: EntryId
  /** Changes committed before this time are passed over. */
  notBeforeMs?: number
}

/**
 * Where a part of a stream begins that has no place yet: where the slowest part stands when the stream was split otherwise before,
 * else where `start` says.
 *
 * @throws {StreamGapError} when the log no longer reaches back to the wanted time
 * @throws {ProtocolError} `bad_position`
 */
export async function findStart(config: ReaderConfig): Promise<StartPlace> {
  const { log, start, id, partitions } = config
  const earlier = slowestOfOtherSplit(await log.readers.list(), id, partitions)
  if (earlier !== undefined) return { after: earlier }
  const { newest, beginning } = await log.state()
  if (start === 'now') return { after: newest ?? beginning }
  if (start === 'beginning') return { after: beginning }
  if (!(start instanceof Date)) return { after: parseEntryId(start.after) }
  const after = await log.positionAt(start.getTime())
  if (after !== undefined) return { after, notBeforeMs: start.getTime() }
  const message = `The log does not reach back to ${start.toISOString()}.`
  const gap: StreamGap = { id, reason: 'retention', after: FIRST_ENTRY_ID, resumesAfter: beginning, message }
  if (config.onGap === undefined) throw new StreamGapError(gap)
  await config.onGap(gap)
  return { after: beginning, notBeforeMs: start.getTime() }
}

/** Records of the same stream under another number of parts. */
export function recordsOfOtherSplit(readers: readonly ReaderInfo[], id: string, partitions: number): ReaderInfo[] {
  return readers.filter((reader) => {
    const name = parsePartitionName(reader.id)
    return name !== undefined && name.id === id && name.partitions !== partitions
  })
}

function slowestOfOtherSplit(readers: readonly ReaderInfo[], id: string, partitions: number): EntryId | undefined {
  let slowest: EntryId | undefined
  for (const { cursor } of recordsOfOtherSplit(readers, id, partitions)) {
    if (cursor !== undefined && (slowest === undefined || compareEntryIds(cursor, slowest) < 0)) slowest = cursor
  }
  return slowest
}
