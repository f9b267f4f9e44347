import type { ChangeLog, DeadLetter, ReaderInfo } from '@zenstack-live/change-log'
import { compareEntryIds, type EntryId } from '@zenstack-live/protocol'
import { describeDeadLetter, type DeadEvent } from './dead-letter.ts'
import { parsePartitionName, replayName } from './reader/partition-of.ts'

/** One stream id, whoever runs it. */
export interface StreamInfo {
  id: string
  partitions: StreamPartitionInfo[]
  deadLetters: number
  /** Dead letters that wait to be delivered again: for a process that runs it with `live.handle`. */
  replaying: number
  /** Dead letters that are gone for good, because there were more than `maxDeadLetters`. */
  lettersLost: number
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
  replaying: number
  lettersLost: number
}

/** What operators do with streams: look, replay, let go. Needs no schema. */
export interface StreamAdmin {
  list(): Promise<StreamInfo[]>
  /** Events that were given up, also those that wait to be delivered again, oldest first. */
  deadLetters(id: string): Promise<DeadEvent[]>
  /**
   * Has dead letters delivered again by the process that runs the stream, within a third of its lease. One that fails is a dead
   * letter again.
   *
   * @param position - of one event; all when left out
   * @returns how many will be
   */
  replay(id: string, position?: string): Promise<number>
  /** Throws dead letters away, also those that wait to be delivered again. @returns how many */
  discard(id: string, position?: string): Promise<number>
  /**
   * Forgets an id with its place and dead letters, so that it no longer holds back retention. A process that runs it stops, and begins it
   * anew as an id that was never used: stop it before.
   */
  drop(id: string): Promise<boolean>
}

export function createStreamAdmin(log: ChangeLog): StreamAdmin {
  const { readers } = log
  const partsOf = async (id: string): Promise<string[]> =>
    (await readers.list()).map((reader) => reader.id).filter((part) => parsePartitionName(part)?.id === id)
  const lettersOf = async (id: string, nameOf: (part: string) => string): Promise<{ list: string; letter: DeadLetter }[]> => {
    const lists = (await partsOf(id)).map(nameOf)
    const found = await Promise.all(lists.map(async (list) => (await readers.deadLetters(list)).map((letter) => ({ list, letter }))))
    return found.flat()
  }
  const deadOf = (id: string): ReturnType<typeof lettersOf> => lettersOf(id, (part) => part)
  const replayingOf = (id: string): ReturnType<typeof lettersOf> => lettersOf(id, replayName)

  return {
    async list() {
      const [all, { newest }] = await Promise.all([readers.list(), log.state()])
      const streams = new Map<string, StreamInfo>()
      for (const reader of all) {
        const name = parsePartitionName(reader.id)
        if (name === undefined) continue
        const stream = streams.get(name.id) ?? { id: name.id, partitions: [], deadLetters: 0, replaying: 0, lettersLost: 0 }
        streams.set(name.id, stream)
        const replaying = await readers.countDeadLetters(replayName(reader.id))
        stream.partitions.push({ ...describePart(reader, name, newest), replaying })
        stream.deadLetters += reader.deadLetters
        stream.replaying += replaying
        stream.lettersLost += reader.lettersLost
      }
      return [...streams.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
    },
    async deadLetters(id) {
      const [replaying, dead] = await Promise.all([replayingOf(id), deadOf(id)])
      return [
        ...replaying.map(({ letter }) => describeDeadLetter(letter, true)),
        ...dead.map(({ letter }) => describeDeadLetter(letter, false)),
      ].toSorted((a, b) => compareEntryIds(a.position, b.position))
    },
    async replay(id, position) {
      const letters = (await deadOf(id)).filter(isAt(position))
      const moved = await Promise.all(letters.map(({ list, letter }) => readers.moveDeadLetter(list, letter.key, replayName(list))))
      return moved.filter(Boolean).length
    },
    async discard(id, position) {
      const letters = [...(await replayingOf(id)), ...(await deadOf(id))].filter(isAt(position))
      const removed = await Promise.all(letters.map(({ list, letter }) => readers.removeDeadLetter(list, letter.key)))
      return removed.filter(Boolean).length
    },
    async drop(id) {
      return readers.drop((await partsOf(id)).flatMap((part) => [part, replayName(part)]))
    },
  }
}

function isAt(position: string | undefined): (found: { letter: DeadLetter }) => boolean {
  return ({ letter }) => position === undefined || letter.key === position
}

function describePart(
  reader: ReaderInfo,
  { index, partitions }: { index: number; partitions: number },
  newest: EntryId | undefined,
): Omit<StreamPartitionInfo, 'replaying'> {
  const { cursor, owner, savedAtMs, deadLetters, lettersLost } = reader
  return {
    index,
    partitions,
    cursor,
    lagBytes: cursor === undefined || newest === undefined ? undefined : lagBetween(cursor, newest),
    owner,
    savedAt: savedAtMs === undefined ? undefined : new Date(savedAtMs),
    deadLetters,
    lettersLost,
  }
}

const EPOCH_BITS = 52n

function lagBetween(cursor: EntryId, newest: EntryId): bigint | undefined {
  const [from, to] = [cursor, newest].map((id) => BigInt(id.slice(0, id.indexOf('-')))) as [bigint, bigint]
  if (to >> EPOCH_BITS === 0n || from >> EPOCH_BITS !== to >> EPOCH_BITS) return undefined
  return to > from ? to - from : 0n
}
