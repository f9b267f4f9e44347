import type { DeadLetter, ReaderLease } from '@zenstack-live/change-log'
import type { Lsn } from '@zenstack-live/protocol'
import { readDeadLetter, writeDeadLetter } from '../dead-letter.ts'
import { SharedChange } from '../page/shared-change.ts'
import type { Matcher } from '../matcher.ts'
import { replayName } from './partition-of.ts'
import type { ReaderConfig } from './reader-config.ts'
import type { Saver } from './saver.ts'

/**
 * Delivers the dead letters that someone asked to have delivered again, one at a time. Each goes back among the dead before its
 * handler runs: should it end the process, it is not tried again for ever.
 */
export async function replayLetters(config: ReaderConfig, lease: ReaderLease, matcher: Matcher, signal: AbortSignal, saver: Saver): Promise<void> {
  const { readers } = config.log
  for (const letter of await readers.deadLetters(replayName(lease.id))) {
    if (signal.aborted || !saver.isFresh) return
    if (await readers.moveDeadLetter(replayName(lease.id), letter.key, lease.id)) await replay(config, lease, matcher, letter, signal, saver)
  }
}

async function replay(
  config: ReaderConfig,
  lease: ReaderLease,
  matcher: Matcher,
  letter: DeadLetter,
  signal: AbortSignal,
  saver: Saver,
): Promise<void> {
  const body = readDeadLetter(letter)
  const { position, transactionId: xid, value, key, model, type } = body
  const change = new SharedChange({ kind: 'change', id: position, lsn: 0n as Lsn, xid, isLastOfTransaction: true, key: null, value }, position)
  const match = matcher.revive(change)
  if (match === undefined) return
  const deliveries = body.deliveries + 1
  try {
    await config.deliver(match.toEvent(), { delivery: deliveries, signal }, () => saver.isFresh)
    await config.log.readers.removeDeadLetter(lease.id, letter.key)
  } catch (error) {
    config.retries?.onFailure?.({ id: config.id, position, key, error, deliveries, isDead: true })
    const { maxErrorChars } = config.limits
    saver.addLetter(writeDeadLetter({ change, key, model, type, deliveries, error, nowMs: Date.now(), maxErrorChars }))
  }
}
