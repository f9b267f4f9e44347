import { randomBytes } from 'node:crypto'
import type { DecisionContext, Interest, InterestContext } from '@zenstack-live/access'
import { tableKey } from '@zenstack-live/model'
import { ERROR_CODES, errorCodeOf, type LiveError, type Lsn, type ResetReason, type SnapshotRow } from '@zenstack-live/protocol'
import { rowsOfAnswer } from './answer-rows.ts'
import type { EdgeContext } from './edge-context.ts'
import { unseenOf } from './history.ts'
import type { Identity } from './identity.ts'
import { applyOperations, decideEffects } from './incremental-decide.ts'
import { incrementalTables, type IncrementalPlan } from './incremental-plan.ts'
import type { KeySetHolder } from './key-set-holder.ts'
import type { LiveQuery, Reader } from './live-query.ts'
import { countIn } from './metrics.ts'
import { sees, type PgSnapshot } from './pg-snapshot.ts'
import type { Place } from './place.ts'
import type { PlannedQuery } from './plan-query.ts'
import { changeFrame, snapshotFrames } from './snapshot-frames.ts'
import { isTicketGoodAt, type Ticket } from './ticket.ts'
import { netEffects, type Transaction } from './transaction.ts'

export interface IncrementalOptions {
  context: EdgeContext
  planned: PlannedQuery
  plan: IncrementalPlan
  identity: Identity
  /** The membership predicates of the plan, for this identity. */
  keySets: readonly KeySetHolder[]
  /** It follows the stream from now on; only these rows can concern it. Called again when they are others. */
  onInterest(query: LiveQuery, interest: Interest): void
  /** Its last reader left. */
  onDeserted(): void
}

interface Opened {
  rows: SnapshotRow[]
  at: Place
  snapshot: PgSnapshot
  horizon: Lsn
}

const MAX_PAUSE_MS = 500

/**
 * A query that memory decides: it holds no rows, only readers. Each change is judged by the row before it and after it; the
 * database is asked once per opening, and again only where memory cannot tell.
 */
export function createIncrementalQuery(options: IncrementalOptions): LiveQuery {
  const { context, planned, plan, identity, keySets } = options
  const { hub, limits, metrics, guards } = context
  const id = randomBytes(9).toString('base64url')
  const table = tableKey(plan.rows.model.table)
  const readers = new Set<Reader>()
  const opening = new Set<Reader>()
  let isAsking = false

  const byId = new Map(keySets.map((holder) => [holder.spec.id, holder]))
  const decision = (): DecisionContext => ({ auth: identity.auth, now: Date.now(), keySets: byId })

  /** The operations that these transactions make, or `unknown` when the rows have to be read again. */
  const operationsOf = (transactions: readonly Transaction[]): ReturnType<typeof decideEffects> | 'unknown' => {
    if (transactions.some((one) => one.unknown.has(table))) return 'unknown'
    const [only] = transactions
    const effects = transactions.length === 1 && only !== undefined ? only.effects : netEffects(transactions.flatMap((one) => one.effects))
    metrics.rowsDecided += effects.length
    return decideEffects(context.keys, planned, plan, effects, decision())
  }

  /** Readers begin to wait for the whole result. */
  const waitForAll = (waiting: Iterable<Reader>, reason?: ResetReason): void => {
    for (const reader of waiting) {
      if (opening.has(reader)) continue
      if (reason === undefined) reader.wait()
      else reader.reset(reason)
      reader.isFlowing = false
      opening.add(reader)
    }
    void ask()
  }

  const ask = async (): Promise<void> => {
    if (isAsking || opening.size === 0) return
    isAsking = true
    try {
      for (let attempt = 0; opening.size > 0; attempt++) {
        const opened = await askOnce()
        if (opened !== undefined) {
          give(opened)
          break
        }
        await new Promise((resolve) => setTimeout(resolve, Math.min(MAX_PAUSE_MS, 2 ** attempt)))
      }
    } catch (error) {
      failed(error as LiveError)
    } finally {
      isAsking = false
    }
  }

  /** The result joined with what the log already holds; `undefined` when something keeps the two from meeting: ask again. */
  const askOnce = async (): Promise<Opened | undefined> => {
    await Promise.all(keySets.map((holder) => holder.ready()))
    const { era } = hub
    const start = hub.history.head
    const answer = await context.asker.ask(identity.client, planned.question)
    const result = rowsOfAnswer(context, planned, answer.value, { exactTimes: answer.exactTimes })
    const from = guards.looksBehind ? (hub.history.firstUnseen(answer.snapshot) ?? start) : hub.history.head
    const transactions = hub.history.after(from.entry)
    if (hub.era !== era || transactions === undefined || result.shape === 'value') return undefined
    const unseen = guards.dropsSeen ? unseenOf(transactions, answer.snapshot) : transactions
    if (keySets.some((holder) => holder.isTouchedBy(unseen))) return undefined
    const operations = operationsOf(unseen)
    if (operations === 'unknown' || operations === 'ask-database') return undefined
    return { rows: applyOperations([...result.rows], operations), at: hub.history.head, snapshot: answer.snapshot, horizon: answer.horizon }
  }

  const give = (opened: Opened): void => {
    options.onInterest(query, plan.interestOf(decision() as InterestContext))
    const frames = snapshotFrames(
      planned.q,
      opened.at,
      { shape: planned.shape === 'row' ? 'row' : 'rows', rows: opened.rows },
      limits.snapshotRowsPerFrame,
    )
    for (const reader of opening) {
      opening.delete(reader)
      for (const frame of frames) reader.push(frame)
      countIn(metrics.snapshots, 'opening')
      reader.seen = opened.snapshot
      reader.isFlowing = true
      reader.ready(opened.at, opened.horizon, query)
      hub.whenPassed(opened.horizon, () => {
        if (reader.seen === opened.snapshot) reader.seen = undefined
      })
    }
  }

  const failed = (error: LiveError): void => {
    const waiting = [...opening]
    opening.clear()
    for (const reader of waiting) reader.fail(error)
    if (!ERROR_CODES[errorCodeOf(error)].isRetryable) context.logger.warn('A query could not be opened.', { q: planned.q, error: error.message })
  }

  const open = (reader: Reader): void => {
    readers.add(reader)
    opening.add(reader)
    void ask()
  }

  /** Gives what happened since; begins anew where memory cannot tell. */
  const replay = (reader: Reader, transactions: readonly Transaction[]): void => {
    const isKeySetTouched = keySets.some((holder) => holder.isTouchedBy(transactions))
    const operations = isKeySetTouched ? 'unknown' : operationsOf(unseenOf(transactions, reader.seen))
    if (operations === 'unknown' || operations === 'ask-database') return waitForAll([reader])
    reader.isFlowing = true
    if (operations.length > 0) reader.push(changeFrame(planned.q, hub.history.head, operations))
  }

  const resume = async (reader: Reader, ticket: Ticket, from: Place): Promise<void> => {
    const { era } = hub
    await Promise.all([...keySets.map((holder) => holder.ready()), passed(context, ticket.horizon)])
    const head = hub.history.head
    const known = hub.history.after(from.entry)
    const missed = known ?? (await hub.readBack(from.entry))
    // The log was read up to the head of then; memory has the rest.
    const newer = known === undefined ? hub.history.after(head.entry) : []
    if (!readers.has(reader)) return
    if (missed === undefined || newer === undefined || era !== hub.era) return waitForAll([reader], 'gap')
    options.onInterest(query, plan.interestOf(decision() as InterestContext))
    replay(reader, [...missed, ...newer])
    if (reader.isFlowing) reader.ready(hub.history.head, ticket.horizon, query)
  }

  const query: LiveQuery = {
    id,
    engine: 'incremental',
    shape: planned.shape,
    tables: incrementalTables(plan),
    behind: undefined,
    open,
    resume(reader, ticket, from) {
      readers.add(reader)
      if (!isTicketGoodAt(ticket, from)) return waitForAll([reader], 'position')
      resume(reader, ticket, from).catch((error: unknown) => reader.fail(error as LiveError))
    },
    catchUp(reader, from) {
      const transactions = hub.history.after(from.entry)
      if (transactions === undefined) return waitForAll([reader], 'slow')
      replay(reader, transactions)
    },
    leave(reader) {
      opening.delete(reader)
      if (!readers.delete(reader) || readers.size > 0) return
      options.onDeserted()
    },
    onTransaction(transaction, effects, isKeySetChanged) {
      if (isKeySetChanged) return waitForAll(flowing(readers))
      const reason = transaction.unknown.get(table)
      if (reason !== undefined) return waitForAll(flowing(readers), reason)
      metrics.rowsDecided += effects.length
      const operations = decideEffects(context.keys, planned, plan, effects, decision())
      if (operations === 'ask-database') return waitForAll(flowing(readers))
      if (operations.length === 0) return
      const frame = context.sharedFrame(planned.q, transaction.place, operations)
      for (const reader of readers) {
        if (!reader.isFlowing) continue
        if (guards.dropsSeen && reader.seen !== undefined && transaction.xid !== 0 && sees(reader.seen, transaction.xid)) continue
        reader.push(frame)
      }
    },
    onReset: (reason) => waitForAll(readers, reason),
  }
  return query
}

function flowing(readers: Iterable<Reader>): Reader[] {
  return [...readers].filter((reader) => reader.isFlowing)
}

/** Resolves when the log has passed a place, which it is helped to do on an idle database. */
function passed(context: EdgeContext, horizon: Lsn): Promise<void> {
  if (context.hub.history.head.lsn >= horizon) return Promise.resolve()
  context.nudge()
  return new Promise((resolve) => context.hub.whenPassed(horizon, resolve))
}
