import type { ChangeLog, ReaderInfo } from '@zenstack-live/change-log'
import type { EntryId } from '@zenstack-live/protocol'
import { describeDeadLetter, type DeadEvent } from './dead-letter.ts'
import { parsePartitionName, replayName } from './reader/partition-of.ts'

/** One stream id, whoever runs it. */
export interface StreamInfo {
  id: string
  partitions: StreamPartitionInfo[]
  deadLetters: number
}

export interface StreamPartitionInfo {
  index: number
  partitions: number
  /** Everything up to here is handled. */
  cursor: EntryId | undefined
  /** Bytes of WAL between its place and the newest entry; `undefined` where ids do not say (Debezium), or it has no place. */
  lagBytes: bigint | undefined
  /** `host:pid:…` of the process that runs it; `undefined` while nobody does. */
  owner: string | undefined
  savedAt: Date | undefined
  deadLetters: number
}

/** What operators do with streams: look, replay, let go. Needs no schema. */
export interface StreamAdmin {
  list(): Promise<StreamInfo[]>
  /** Events that were given up, oldest first. */
  deadLetters(id: string): Promise<DeadEvent[]>
  /**
   * Has dead letters delivered again by the process that runs the stream, within a third of its lease. One that fails is a dead
   * letter again.
   *
   * @param position - of one event; all when left out
   * @returns how many will be
   */
  replay(id: string, position?: string): Promise<number>
  /** Throws dead letters away. @returns how many */
  discard(id: string, position?: string): Promise<number>
  /** Forgets an id with its place and dead letters, so that it no longer holds back retention. A process that runs it is stopped. */
  drop(id: string): Promise<boolean>
}

export function createStreamAdmin(log: ChangeLog): StreamAdmin {
  const { readers } = log
  const partsOf = async (id: string): Promise<ReaderInfo[]> => (await readers.list()).filter((reader) => parsePartitionName(reader.id)?.id === id)
  const lettersOf = async (id: string, position: string | undefined): Promise<{ part: string; key: string }[]> => {
    const found = await Promise.all(
      (await partsOf(id)).map(async (part) => (await readers.deadLetters(part.id)).map(({ key }) => ({ part: part.id, key }))),
    )
    return found.flat().filter(({ key }) => position === undefined || key === position)
  }
  return {
    async list() {
      const [all, { newest }] = await Promise.all([readers.list(), log.state()])
      const streams = new Map<string, StreamInfo>()
      for (const reader of all) {
        const name = parsePartitionName(reader.id)
        if (name === undefined) continue
        const stream = streams.get(name.id) ?? { id: name.id, partitions: [], deadLetters: 0 }
        streams.set(name.id, stream)
        stream.partitions.push(describePart(reader, name, newest))
        stream.deadLetters += reader.deadLetters
      }
      return [...streams.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
    },
    async deadLetters(id) {
      const letters = await Promise.all((await partsOf(id)).map((part) => readers.deadLetters(part.id)))
      return letters.flat().map(describeDeadLetter)
    },
    async replay(id, position) {
      const letters = await lettersOf(id, position)
      const moved = await Promise.all(letters.map(({ part, key }) => readers.moveDeadLetter(part, key, replayName(part))))
      return moved.filter(Boolean).length
    },
    async discard(id, position) {
      const letters = await lettersOf(id, position)
      const removed = await Promise.all(letters.map(({ part, key }) => readers.removeDeadLetter(part, key)))
      return removed.filter(Boolean).length
    },
    async drop(id) {
      const dropped = await Promise.all(
        (await partsOf(id)).map(async (part) => {
          await readers.drop(replayName(part.id))
          return readers.drop(part.id)
        }),
      )
      return dropped.some(Boolean)
    },
  }
}

function describePart(
  reader: ReaderInfo,
  { index, partitions }: { index: number; partitions: number },
  newest: EntryId | undefined,
): StreamPartitionInfo {
  const { cursor, owner, savedAtMs, deadLetters } = reader
  return {
    index,
    partitions,
    cursor,
    lagBytes: cursor === undefined || newest === undefined ? undefined : lagBetween(cursor, newest),
    owner,
    savedAt: savedAtMs === undefined ? undefined : new Date(savedAtMs),
    deadLetters,
  }
}

const EPOCH_BITS = 52n

function lagBetween(cursor: EntryId, newest: EntryId): bigint | undefined {
  const [from, to] = [cursor, newest].map((id) => BigInt(id.slice(0, id.indexOf('-')))) as [bigint, bigint]
  if (to >> EPOCH_BITS === 0n || from >> EPOCH_BITS !== to >> EPOCH_BITS) return undefined
  return to > from ? to - from : 0n
}
