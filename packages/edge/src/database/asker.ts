import { errorCodeOf, LiveError, parseLsn, type LiveOperation, type Limits, type Lsn } from '@zenstack-live/protocol'
import type { EdgeClient, EdgeTransaction } from '../identity/live-client.ts'
import type { Metrics } from '../operations/metrics.ts'
import { readExactTimes } from './exact-times.ts'
import { parsePgSnapshot, type PgSnapshot } from './pg-snapshot.ts'
import type { ExactTimes } from '../queries/stored-record.ts'

export interface Question {
  model: string
  operation: LiveOperation
  args: unknown
  /** Time fields whose microseconds are wanted beside the records, for models with a key of one field. */
  exactTimes?: readonly string[]
  /** That field. */
  keyField?: string
}

export interface DatabaseAnswer {
  value: unknown
  /** By the row's key as text. */
  exactTimes?: ReadonlyMap<string, ExactTimes>
  /** What the database showed when it answered. */
  snapshot: PgSnapshot
  /** Everything shown was written before this place of the write-ahead log. */
  horizon: Lsn
}

/** Asks the policy-bound client, many questions of one identity in one transaction, each identity in turn. */
export interface Asker {
  /** @throws {LiveError} `database_unavailable`, `bad_arguments`, `forbidden` or `internal`; never anything else. */
  ask(client: EdgeClient, question: Question): Promise<DatabaseAnswer>
}

interface Waiting {
  question: Question
  resolve(answer: DatabaseAnswer): void
  reject(error: unknown): void
}

const MAX_QUESTIONS_PER_TRANSACTION = 16

export function createAsker(options: { limits: Limits; metrics: Metrics }): Asker {
  // In the order in which identities take their turn.
  const queues = new Map<EdgeClient, Waiting[]>()
  let running = 0

  const pump = (): void => {
    while (running < options.limits.maxConcurrentRequeries) {
      const [turn] = queues
      if (turn === undefined) return
      const [client, queue] = turn
      const taken = queue.splice(0, MAX_QUESTIONS_PER_TRANSACTION)
      options.metrics.questionsWaitingNow -= taken.length
      queues.delete(client)
      if (queue.length > 0) queues.set(client, queue)
      running++
      void answerAll(client, taken, options.metrics).finally(() => {
        running--
        pump()
      })
    }
  }

  return {
    ask: (client, question) =>
      new Promise((resolve, reject) => {
        const queue = queues.get(client) ?? []
        queue.push({ question, resolve, reject })
        options.metrics.questionsWaitingNow++
        queues.set(client, queue)
        // Questions of the same turn of the event loop share a transaction.
        if (queue.length === 1) setImmediate(pump)
      }),
  }
}

async function answerAll(client: EdgeClient, waiting: Waiting[], metrics: Metrics): Promise<void> {
  const questions = waiting.map(({ question }) => question)
  try {
    const answers = await askTogether(client, questions, metrics)
    for (const [index, answer] of answers.entries()) waiting[index]?.resolve(answer)
  } catch (error) {
    // One question that fails ends the transaction of all: the others are asked again, each alone.
    if (waiting.length === 1) waiting[0]?.reject(asLiveError(error, questions[0]))
    else for (const one of waiting) await answerAll(client, [one], metrics)
  }
}

/**
 * Rows and the snapshot they were read in, in one REPEATABLE READ transaction that the policy-bound client opens itself:
 * a client derived inside a transaction keeps the identity and the policies of the one that opened it.
 * The snapshot is taken by the first statement, so the place read by the same statement lies behind all it shows.
 */
async function askTogether(client: EdgeClient, questions: readonly Question[], metrics: Metrics): Promise<DatabaseAnswer[]> {
  metrics.databaseTransactions++
  metrics.databaseQueries += questions.length
  return client.$transaction(
    async (transaction) => {
      const [row] = await transaction.$qb
        .selectNoFrom((eb) => [
          eb.cast(eb.fn('pg_current_snapshot', []), 'text').as('snapshot'),
          // Not pg_current_wal_lsn(): it lags behind commits that did not wait for the disk (synchronous_commit=off).
          eb.cast(eb.fn('pg_current_wal_insert_lsn', []), 'text').as('lsn'),
        ])
        .execute()
      const snapshot = parsePgSnapshot(String(row?.['snapshot']))
      const horizon = parseLsn(String(row?.['lsn']))
      const answers: DatabaseAnswer[] = []
      for (const question of questions) {
        const value = await call(transaction, question)
        const exactTimes = await readExactTimes(transaction, question, value)
        answers.push({ value, snapshot, horizon, ...(exactTimes === undefined ? {} : { exactTimes }) })
      }
      return answers
    },
    { isolationLevel: 'repeatable read' },
  )
}

function call(transaction: EdgeTransaction, { model, operation, args }: Question): Promise<unknown> {
  const crud = transaction[model]
  const method = typeof crud === 'object' && crud !== null ? Reflect.get(crud, operation) : undefined
  if (typeof method !== 'function') throw new LiveError('unknown_operation', `The client has no ${model}.${operation}.`)
  return Reflect.apply(method, crud, args === undefined ? [] : [args]) as Promise<unknown>
}

function asLiveError(error: unknown, question: Question | undefined): LiveError {
  if (error instanceof LiveError || errorCodeOf(error) !== 'internal') return error as LiveError
  const reason = typeof error === 'object' && error !== null ? Reflect.get(error, 'reason') : undefined
  const asked = `${question?.model}.${question?.operation}`
  const message = `${asked} failed: ${error instanceof Error ? error.message : String(error)}`
  if (reason === 'invalid-input' || reason === 'not-supported') return new LiveError('bad_arguments', message, { cause: error })
  if (reason === 'rejected-by-policy') return new LiveError('forbidden', message, { cause: error })
  if (reason === 'db-query-error' && isAboutTheQuery(error)) return new LiveError('bad_arguments', message, { cause: error })
  return new LiveError('database_unavailable', message, { cause: error })
}

/** Classes 22 (data) and 42 (syntax, types) of SQLSTATE: asking again would fail again. Inside a transaction ZenStack wraps the driver's error twice. */
function isAboutTheQuery(error: unknown): boolean {
  for (let each: unknown = error; typeof each === 'object' && each !== null; each = Reflect.get(each, 'cause')) {
    const code: unknown = Reflect.get(each, 'dbErrorCode') ?? Reflect.get(each, 'code')
    if (typeof code === 'string' && /^(22|42)[0-9A-Z]{3}$/.test(code)) return true
  }
  return false
}
