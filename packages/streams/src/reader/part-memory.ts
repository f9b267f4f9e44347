import type { ReaderInfo, ReaderLineage, ReaderRecord } from '@zenstack-live/change-log'
import type { EntryId } from '@zenstack-live/protocol'
import { parsePartitionName } from './partition-of.ts'
import { Progress } from './progress.ts'

/** What a process knows of one part of a stream, whoever owns it. */
export interface KnownPart extends ReaderLineage {
  record: ReaderRecord
}

/**
 * The places of a stream's parts as this process last saw them.
 *
 * A log that comes back empty, or from a copy, no longer knows them: an id would look new, and begin now. Whoever remembers puts its
 * place back, and finds out from there what is missing.
 */
export class PartMemory {
  readonly #parts = new Map<number, KnownPart>()

  get(index: number): KnownPart | undefined {
    return this.#parts.get(index)
  }

  learn(index: number, { bornMs, fence }: ReaderLineage, record: ReaderRecord): void {
    const known = this.#parts.get(index)
    // What was born later than what is known stands in a log that lost it.
    if (known !== undefined && (bornMs > known.bornMs || (bornMs === known.bornMs && fence < known.fence))) return
    this.#parts.set(index, { bornMs, fence, record })
  }

  /** @param readers - of any streams */
  learnAll(readers: readonly ReaderInfo[], id: string, partitions: number): void {
    for (const reader of readers) {
      const name = parsePartitionName(reader.id)
      if (name?.id !== id || name.partitions !== partitions || reader.cursor === undefined) continue
      this.learn(name.index, reader, { cursor: reader.cursor, state: reader.state ?? '' })
    }
  }

  /** Another process owns it, and is there. @param identity - of the log */
  see(index: number, lineage: ReaderLineage, cursor: EntryId | undefined, identity: string): void {
    if (cursor === undefined) return
    const known = this.#parts.get(index)
    this.learn(index, lineage, known === undefined ? new Progress(identity, cursor).record() : { ...known.record, cursor })
  }

  /** It was dropped. */
  forget(index: number): void {
    this.#parts.delete(index)
  }
}
