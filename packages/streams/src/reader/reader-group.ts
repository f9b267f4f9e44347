import { errorCodeOf } from '@zenstack-live/protocol'
import { errorText } from '../error-text.ts'
import { whatIsAway } from '../what-is-away.ts'
import { wait } from '../wait.ts'
import { fairShare } from './fair-share.ts'
import { PartMemory } from './part-memory.ts'
import { memberName, partitionName } from './partition-of.ts'
import { PartitionReader } from './partition-reader.ts'
import { placeParts } from './place-parts.ts'
import type { ReaderConfig } from './reader-config.ts'

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
    memory: new PartMemory(),
    failure: undefined,
    isPlaced: false,
    isToldToWait: false,
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
      config.onWarning(`The stream "${config.id}" cannot reach its log and tries again: ${errorText(error)}`)
    }
    await wait(config.limits.standbyPollMs * (0.75 + Math.random() / 2), group.config.signal)
  }
  stop.abort()
  await Promise.all([...group.readers.values()].map(({ ended }) => ended))
  if (config.partitions > 1) await config.log.readers.drop([memberName(config.id, config.partitions, config.owner)]).catch(() => false)
  if (group.failure !== undefined) throw group.failure.error
}

interface Group {
  config: ReaderConfig
  readers: Map<number, { reader: PartitionReader; ended: Promise<void> }>
  memory: PartMemory
  failure: { error: unknown } | undefined
  /** Whether all its parts have a place, and no others are left. */
  isPlaced: boolean
  isToldToWait: boolean
  stop: AbortController
}

async function takeShare(group: Group): Promise<void> {
  const { config, readers } = group
  group.isPlaced ||= await placeParts(config, group.memory)
  if (!group.isPlaced) {
    if (!group.isToldToWait) config.onWarning(`The stream "${config.id}" waits: it is read in another number of parts than ${config.partitions}.`)
    group.isToldToWait = true
    return
  }
  const share = config.partitions === 1 ? 1 : await shareOf(group)
  let surplus = readers.size - share
  for (const { reader } of readers.values()) if (surplus-- > 0) reader.stop()
  // Each process begins elsewhere, so that they do not race for the same parts.
  const offset = Math.floor(Math.random() * config.partitions)
  for (let step = 0; step < config.partitions && readers.size < share && !config.signal.aborted; step++) {
    const index = (offset + step) % config.partitions
    if (!readers.has(index)) await tryPartition(group, index)
  }
}

async function tryPartition(group: Group, index: number): Promise<void> {
  const { config, readers, memory } = group
  const { id, owner, partitions, leaseMs, log } = config
  const name = partitionName(id, index, partitions)
  const known = memory.get(index)
  const lease = await log.readers.acquire(name, { owner, leaseMs, known })
  if ('heldByOwner' in lease) {
    memory.see(index, lease, lease.cursor, log.identity)
    return
  }
  const record = lease.isLost ? known?.record : lease.record
  if (record === undefined) {
    // Dropped: it begins anew, and the lease stays with this process. Or somebody split it otherwise: then it is no part any more.
    memory.forget(index)
    group.isPlaced = await placeParts(config, memory)
    if (group.isPlaced) await tryPartition(group, index)
    else await log.readers.drop([name])
    return
  }
  if (lease.isLost) config.onWarning(`The log lost the place of "${name}". This process puts back where it was: ${record.cursor}.`)
  memory.learn(index, lease, record)
  const reader = new PartitionReader(config, lease, index, record)
  const forget = (): void => {
    readers.delete(index)
    memory.learn(index, lease, reader.record)
  }
  const ended = reader.run().then(forget, (error: unknown) => {
    forget()
    // The place is kept: it is taken again with the next look.
    const away = whatIsAway(error)
    if (away !== undefined) return config.onWarning(`The stream "${id}" cannot reach ${NAMES[away]} and tries again: ${errorText(error)}`)
    group.failure ??= { error }
    group.stop.abort()
  })
  readers.set(index, { reader, ended })
}

const NAMES = { log: 'its log', database: 'the database' }

/** Says that this process takes part, and counts those that do. */
async function shareOf({ config, memory }: Group): Promise<number> {
  const { id, owner, partitions, leaseMs, log } = config
  await log.readers.acquire(memberName(id, partitions, owner), { owner, leaseMs })
  const readers = await log.readers.list()
  memory.learnAll(readers, id, partitions)
  const members = readers.filter((reader) => reader.id.startsWith(memberName(id, partitions, '')))
  const gone = members.filter((member) => member.owner === undefined)
  if (gone.length > 0) await log.readers.drop(gone.map((member) => member.id))
  return fairShare(partitions, members.length - gone.length)
}
