import type { ChangeLog } from '@zenstack-live/change-log'
import { errorCodeOf } from '@zenstack-live/protocol'
import { wait } from '../wait.ts'
import { fairShare } from './fair-share.ts'
import { isDatabaseAway } from './is-database-away.ts'
import { memberName, parsePartitionName, partitionName, replayName } from './partition-of.ts'
import { PartitionReader } from './partition-reader.ts'
import type { ReaderConfig } from './reader-config.ts'
import { findStart, recordsOfOtherSplit } from './start-place.ts'

/**
 * Reads all parts of a stream that fall to this process: it takes what is free, up to its share, stands by for the rest, and gives
 * some up when more processes come.
 *
 * @throws {Error} what ended a part for good: a gap nobody takes care of, a filter that does not fit
 */
export async function runReaderGroup(config: ReaderConfig): Promise<void> {
  const stop = new AbortController()
  const group: Group = {
    config: { ...config, signal: AbortSignal.any([config.signal, stop.signal]) },
    readers: new Map(),
    failure: undefined,
    isOtherSplitForgotten: false,
    stop,
  }
  while (!group.config.signal.aborted) {
    try {
      await takeShare(group)
    } catch (error) {
      if (errorCodeOf(error) !== 'log_unavailable') {
        group.failure ??= { error }
        break
      }
      config.onWarning(`The stream "${config.id}" cannot reach its log and tries again: ${String(error)}`)
    }
    await wait(config.limits.standbyPollMs * (0.75 + Math.random() / 2), group.config.signal)
  }
  stop.abort()
  await Promise.all([...group.readers.values()].map(({ ended }) => ended))
  if (config.partitions > 1) await config.log.readers.drop(memberName(config.id, config.owner)).catch(() => false)
  if (group.failure !== undefined) throw group.failure.error
}

interface Group {
  config: ReaderConfig
  readers: Map<number, { reader: PartitionReader; ended: Promise<void> }>
  failure: { error: unknown } | undefined
  isOtherSplitForgotten: boolean
  stop: AbortController
}

async function takeShare(group: Group): Promise<void> {
  const { config, readers } = group
  const share = config.partitions === 1 ? 1 : await shareOf(config)
  let surplus = readers.size - share
  for (const { reader } of readers.values()) if (surplus-- > 0) reader.stop()
  // Each process begins elsewhere, so that they do not race for the same parts.
  const offset = Math.floor(Math.random() * config.partitions)
  for (let step = 0; step < config.partitions && readers.size < share && !config.signal.aborted; step++) {
    const index = (offset + step) % config.partitions
    if (!readers.has(index)) await tryPartition(group, index)
  }
  if (readers.size > 0 && !group.isOtherSplitForgotten) group.isOtherSplitForgotten = await forgetOtherSplit(config)
}

async function tryPartition(group: Group, index: number): Promise<void> {
  const { config, readers } = group
  const { id, owner, partitions, leaseMs, log } = config
  const lease = await log.readers.acquire(partitionName(id, index, partitions), { owner, leaseMs })
  if ('heldByOwner' in lease) return
  try {
    const place = lease.record === undefined ? await findStart(config) : { after: lease.record.cursor }
    const reader = new PartitionReader(config, lease, index, place)
    const ended = reader.run().then(
      () => void readers.delete(index),
      (error: unknown) => {
        readers.delete(index)
        // The place is kept: it is taken again with the next look.
        if (isDatabaseAway(error)) return config.onWarning(`The stream "${id}" cannot reach the database and tries again: ${String(error)}`)
        group.failure ??= { error }
        group.stop.abort()
      },
    )
    readers.set(index, { reader, ended })
  } catch (error) {
    await log.readers.release(lease)
    throw error
  }
}

/** Says that this process takes part, and counts those that do. */
async function shareOf({ id, owner, partitions, leaseMs, log }: ReaderConfig): Promise<number> {
  await log.readers.acquire(memberName(id, owner), { owner, leaseMs })
  const members = (await log.readers.list()).filter((reader) => reader.id.startsWith(memberName(id, '')))
  const gone = members.filter((member) => member.owner === undefined)
  await Promise.all(gone.map((member) => log.readers.drop(member.id)))
  return fairShare(partitions, members.length - gone.length)
}

/**
 * Once every part of the present split has its place, the records of an earlier one are let go: they would hold back retention. Their
 * dead letters go over to the first part, which delivers them again when it is asked to.
 *
 * @returns whether there are none any more
 */
async function forgetOtherSplit({ id, partitions, log }: ReaderConfig): Promise<boolean> {
  const readers = await log.readers.list()
  const others = recordsOfOtherSplit(readers, id, partitions)
  if (others.length === 0) return true
  const placed = readers.filter((reader) => {
    const name = parsePartitionName(reader.id)
    return name?.id === id && name.partitions === partitions && reader.cursor !== undefined
  })
  if (placed.length < partitions || others.some(({ owner }) => owner !== undefined)) return false
  const heir = partitionName(id, 0, partitions)
  for (const { id: other } of others) {
    await moveLetters(log, other, heir)
    await moveLetters(log, replayName(other), replayName(heir))
    await log.readers.drop(other)
  }
  return true
}

async function moveLetters({ readers }: ChangeLog, from: string, to: string): Promise<void> {
  for (const { key } of await readers.deadLetters(from)) await readers.moveDeadLetter(from, key, to)
}
