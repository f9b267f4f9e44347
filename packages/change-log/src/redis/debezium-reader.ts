import type { ChangeEntry, EntryId, LogEntry, Lsn } from '@zenstack-live/protocol'
import { DEBEZIUM_NULL } from '../entry-codec.ts'
import { ChangeLogError } from '../errors.ts'
import { jsonMember } from '../json-member.ts'
import type { RawEntry } from './redis-entries.ts'

/**
 * Turns what Debezium Server writes (compact or extended messages, with or without schemas) into entries.
 *
 * ```
 *  change  ──► held back until it is known whether another one of its transaction follows
 *  END of it, or of a later one, change of another one ──► the held one is the last of its transaction
 *  heartbeat, silence ──► so is it, where it came without transaction metadata; with it, Debezium may pause in the middle
 *  seen before (a resend) ──► dropped
 * ```
 */
export interface DebeziumReader {
  feed(entry: RawEntry): LogEntry[]
  /** Nothing followed for a while: the held change is taken for the last of its transaction, unless END will say so. */
  flush(): LogEntry[]
  /** No more of its transaction is read here: the held change is given out, as the last only where silence would make it that. */
  release(): LogEntry[]
  readonly isHolding: boolean
  /** Whether silence ends what is held. */
  readonly awaitsSilence: boolean
}

/** @param maxTransactions - recent transactions remembered, by which repeats are told */
export function createDebeziumReader(maxTransactions: number): DebeziumReader {
  const seen = createSeenChanges(maxTransactions)
  let held: ChangeEntry | undefined
  /** Of the held change. */
  let awaitsEnd = false
  let highest = 0n as Lsn

  const release = (isLastOfTransaction: boolean): LogEntry[] => {
    const entry = held
    held = undefined
    return entry === undefined ? [] : [{ ...entry, isLastOfTransaction, lsn: isLastOfTransaction ? highest : entry.lsn }]
  }
  const flush = (): LogEntry[] => (awaitsEnd ? [] : release(true))
  // Entries of a transaction follow each other, so nothing is said in the middle of one.
  const quiet = (id: EntryId): LogEntry[] => (held === undefined ? [{ kind: 'progress', id, lsn: highest }] : [])

  return {
    feed({ id, fields }) {
      const message = parseMessage(id, fields)
      if (message.kind === 'end') {
        // Transactions come in the order of their commits, so all up to this one have been seen, also where its only change was a message.
        const isNew = message.lsn > highest
        if (isNew) highest = message.lsn
        // A resend may repeat the end of an earlier transaction in the middle of this one.
        return held !== undefined && (isNew || held.xid === message.xid) ? release(true) : quiet(id)
      }
      if (message.kind === 'idle') return [...flush(), ...quiet(id)]
      if (message.kind === 'none') return quiet(id)
      if (!seen.isNew(message)) return quiet(id)
      // A row's LSN lies before its commit's end, so what was committed up to it has all been seen.
      if (message.lsn > highest) highest = message.lsn
      const before = release(held?.xid !== message.xid)
      held = { kind: 'change', id, lsn: highest, xid: message.xid, isLastOfTransaction: false, key: message.key, value: message.value }
      awaitsEnd = message.hasEnd
      return before
    },
    flush,
    release: () => release(!awaitsEnd),
    get isHolding() {
      return held !== undefined
    },
    get awaitsSilence() {
      return held !== undefined && !awaitsEnd
    },
  }
}

/** What an entry says of the end of its transaction: `announced` where END is to come, `unannounced` where none will; `undefined` says nothing. */
export function endingOf({ id, fields }: RawEntry): 'end' | 'announced' | 'unannounced' | undefined {
  const message = parseMessage(id, fields)
  if (message.kind === 'end') return 'end'
  if (message.kind !== 'change' || message.op === 'r') return undefined
  return message.hasEnd ? 'announced' : 'unannounced'
}

interface ChangeMessage {
  kind: 'change'
  key: string | null
  value: string
  xid: number
  lsn: Lsn
  op: string
  table: string
  /** Whether it says its place in its transaction: then END comes too. */
  hasEnd: boolean
}

type Message = ChangeMessage | { kind: 'end'; xid: number; lsn: Lsn } | { kind: 'idle' } | { kind: 'none' }

function parseMessage(id: EntryId, fields: readonly string[]): Message {
  const { key, value } = keyAndValue(fields)
  if (value === undefined || value === DEBEZIUM_NULL) return { kind: 'none' }
  const text = unwrap(value)
  const body = parseObject(id, text)
  if ('specversion' in body) {
    throw new ChangeLogError('log_unsupported', `Entry ${id} is a CloudEvents message. Set "debezium.format.value=json".`)
  }
  const { status, op, source } = body
  if (typeof status === 'string') return status === 'END' ? parseEnd(String(body['id'])) : { kind: 'none' }
  // A heartbeat comes behind any change, also in the middle of a transaction.
  if (typeof op !== 'string' || !isObject(source)) return { kind: typeof body['ts_ms'] === 'number' ? 'idle' : 'none' }
  if (op === 'm') return { kind: 'none' }
  return {
    kind: 'change',
    key: key === undefined || key === DEBEZIUM_NULL ? null : unwrap(key),
    value: text,
    xid: Number(source['txId'] ?? 0) >>> 0,
    lsn: (typeof source['lsn'] === 'number' ? BigInt(source['lsn']) : 0n) as Lsn,
    op,
    table: `${String(source['schema'])}.${String(source['table'])}`,
    hasEnd: isObject(body['transaction']),
  }
}

/** A transaction is named `<txId>:<LSN>`, with the LSN of the event; at its end that is the commit's. */
function parseEnd(name: string): Message {
  const [xid = '', lsn = ''] = name.split(':')
  return { kind: 'end', xid: Number.parseInt(xid, 10) >>> 0, lsn: (/^\d+$/.test(lsn) ? BigInt(lsn) : 0n) as Lsn }
}

/** Extended messages name their fields; a compact one has a single field whose name is the key. */
function keyAndValue(fields: readonly string[]): { key: string | undefined; value: string | undefined } {
  if (fields.length === 2 && fields[0] !== 'value') return { key: fields[0], value: fields[1] }
  const named = (name: string): string | undefined => {
    for (let index = 0; index < fields.length; index += 2) if (fields[index] === name) return fields[index + 1]
    return undefined
  }
  return { key: named('key'), value: named('value') }
}

function unwrap(text: string): string {
  return text.startsWith('{"schema":') ? (jsonMember(text, 'payload') ?? text) : text
}

function parseObject(id: EntryId, text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new ChangeLogError('log_conflict', `Entry ${id} is neither ours nor a message of Debezium Server: ${text.slice(0, 80)}`, { cause })
  }
  return isObject(value) ? value : {}
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

interface SeenChanges {
  isNew(change: ChangeMessage): boolean
}

/**
 * A resend repeats entries of recent transactions, whose changes come in the order of their LSNs. It begins anywhere in its first
 * transaction and counts from there, so the place in a transaction says nothing.
 */
function createSeenChanges(maxTransactions: number): SeenChanges {
  const transactions = new Map<number, { lsn: Lsn; newest: Set<string> }>()
  return {
    isNew({ xid, lsn, op, table, key }) {
      if (op === 'r') return true
      let transaction = transactions.get(xid)
      if (transaction === undefined) {
        transaction = { lsn, newest: new Set() }
        transactions.set(xid, transaction)
        const oldest = transactions.keys().next()
        if (transactions.size > maxTransactions && oldest.done !== true) transactions.delete(oldest.value)
      }
      if (lsn < transaction.lsn) return false
      if (lsn > transaction.lsn) {
        transaction.lsn = lsn
        transaction.newest.clear()
      }
      // Rows of one COPY share an LSN, but not their key. Without either there is nothing to tell a repeat by.
      if (key === null && op !== 't') return true
      const name = `${op}:${table}:${key ?? ''}`
      if (transaction.newest.has(name)) return false
      transaction.newest.add(name)
      return true
    },
  }
}
