import type { DeadLetter } from '@zenstack-live/change-log'
import type { EntryId } from '@zenstack-live/protocol'
import { parseEntryId } from '@zenstack-live/protocol'
import { errorStack } from './error-text.ts'
import type { SharedChange } from './page/shared-change.ts'

/** An event that was given up. */
export interface DeadEvent {
  /** Names it within its stream, and says where in the log it was. */
  position: EntryId
  /** Text of the row's primary key. */
  key: string
  model: string
  type: string
  /** When its transaction was committed. */
  date: Date
  diedAt: Date
  deliveries: number
  error: string
  /** Whether it waits to be delivered again. */
  isReplaying: boolean
}

/** A letter holds the whole change: by the time it is replayed the log may have forgotten it. */
export interface DeadLetterBody extends Omit<DeadEvent, 'date' | 'diedAt' | 'isReplaying'> {
  dateMs: number
  diedAtMs: number
  transactionId: number
  op: string
  /** The envelope. */
  value: string
}

export interface DeathCertificate {
  change: SharedChange
  key: string
  model: string
  type: string
  deliveries: number
  error: unknown
  nowMs: number
  maxErrorChars: number
}

export function writeDeadLetter({ change, key, model, type, deliveries, error, nowMs, maxErrorChars }: DeathCertificate): DeadLetter {
  const body: DeadLetterBody = {
    position: change.entry.id,
    key,
    model,
    type,
    deliveries,
    error: errorStack(error).slice(0, maxErrorChars),
    dateMs: change.committedAtMs,
    diedAtMs: nowMs,
    transactionId: change.entry.xid,
    op: change.op,
    value: change.entry.value,
  }
  return { key: change.entry.id, text: JSON.stringify(body) }
}

export function readDeadLetter({ text }: DeadLetter): DeadLetterBody {
  // Written by writeDeadLetter.
  const body = JSON.parse(text) as DeadLetterBody
  return { ...body, position: parseEntryId(body.position) }
}

export function describeDeadLetter(letter: DeadLetter, isReplaying: boolean): DeadEvent {
  const { position, key, model, type, deliveries, error, dateMs, diedAtMs } = readDeadLetter(letter)
  return { position, key, model, type, deliveries, error, date: new Date(dateMs), diedAt: new Date(diedAtMs), isReplaying }
}
