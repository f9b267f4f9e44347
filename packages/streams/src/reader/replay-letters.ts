import { compareEntryIds, type Lsn } from '@zenstack-live/protocol'
import { readDeadLetter, type DeadLetterBody } from '../dead-letter.ts'
import type { Matcher } from '../matcher.ts'
import { SharedChange } from '../page/shared-change.ts'
import type { Deliveries } from './deliveries.ts'
import { partitionName, partitionOf, replayName } from './partition-of.ts'
import type { ReaderConfig } from './reader-config.ts'

export interface ReplayScope {
  config: ReaderConfig
  part: { name: string; index: number }
  deliveries: Deliveries
  signal: AbortSignal
}

/** Delivers the dead letters that someone asked to have delivered again, one at a time, in the order of their events. */
export async function replayLetters(scope: ReplayScope, matcher: Matcher): Promise<void> {
  const { config, part, signal } = scope
  const letters = (await config.log.readers.deadLetters(replayName(part.name))).map(readDeadLetter)
  for (const letter of letters.toSorted((a, b) => compareEntryIds(a.position, b.position))) {
    if (signal.aborted) return
    await replay(scope, matcher, letter)
  }
}

async function replay({ config, part, deliveries }: ReplayScope, matcher: Matcher, letter: DeadLetterBody): Promise<void> {
  const { readers } = config.log
  const { position, transactionId: xid, value, key } = letter
  // The id was split otherwise when the event died.
  const home = partitionOf(key, config.partitions)
  if (home !== part.index) {
    await readers.moveDeadLetter(replayName(part.name), position, replayName(partitionName(config.id, home, config.partitions)))
    return
  }
  const change = new SharedChange({ kind: 'change', id: position, lsn: 0n as Lsn, xid, isLastOfTransaction: true, key: null, value }, position)
  const match = change.table === matcher.table ? matcher.revive(change) : undefined
  if (match !== undefined) {
    await deliveries.replay(change, match, letter.deliveries)
    return
  }
  config.onWarning(`A dead letter of "${config.id}" is of "${letter.model}", which it does not follow any more, and stays one: ${position}.`)
  await readers.moveDeadLetter(replayName(part.name), position, part.name)
}
