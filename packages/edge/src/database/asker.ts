import { errorCodeOf, LiveError, parseLsn, type LiveOperation, type Limits, type Lsn } from '@zenstack-live/protocol'
import type { EdgeClient, EdgeTransaction } from '../identity/live-client.ts'
import type { Metrics } from '../operations/metrics.ts'
import { readExactTimes } from './exact-times.ts'
import { parsePgSnapshot, type PgSnapshot } from './pg-snapshot.ts'
import type { Statements } from './statements.ts'
import type { TableFiles } from './table-files.ts'
import { Turns, type Turn } from './turns.ts'
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
  /** What `now()` was to it. */
  time: DatabaseTime
  /** Everything shown was written before this place of the write-ahead log. */
  horizon: Lsn
}

/** A moment by two clocks, which may differ. */
export interface DatabaseTime {
  /** The transaction's time, in milliseconds since 1970. */
  readonly databaseMs: number
  /** Of `performance.now()`: not before it. */
  readonly localMs: number
}

/** Asks the policy-bound client, many questions of one identity in one transaction, each identity in turn. */
export interface Asker {
  /**
   * A question that fails takes those that would have come after it out of its transaction, and each of them is then asked alone: once more, and
   * no oftener, unless a table is locked or emptied meanwhile: then it fails when it was asked `maxAsksPerQuestion` times.
   *
   * @param isWanted - looked at when it is its turn: what nobody waits for is not asked, and fails
   * @throws {LiveError} `database_unavailable`, `bad_arguments`, `forbidden` or `internal`; never anything else
   */
  ask(client: EdgeClient, question: Question, isWanted?: () => boolean): Promise<DatabaseAnswer>
}

interface Waiting {
  question: Question
  /** How often a table was locked, or emptied beneath it. */
  hinderedCount: number
  isWanted(): boolean
  resolve(answer: DatabaseAnswer): void
  reject(error: unknown): void
}

const MAX_QUESTIONS_PER_TRANSACTION = 16
/** Of the transactions that may run, those of questions that are asked again: what is slow for one must not stand in the way of all. */
const SHARE_FOR_DOUBTFUL = 1 / 2

export interface AskerOptions {
  limits: Limits
  metrics: Metrics
  tableFiles: TableFiles
  statements: Statements
}

export function createAsker(options: AskerOptions): Asker {
  const { limits, metrics } = options
  const fresh = new Turns<EdgeClient, Waiting>(MAX_QUESTIONS_PER_TRANSACTION)
  /** Their transaction failed before it was their turn: each is asked alone, so that none has to wait for more than itself. */
  const doubtful = new Turns<EdgeClient, Waiting>(1)
  const maxDoubtful = Math.ceil(limits.maxConcurrentRequeries * SHARE_FOR_DOUBTFUL)
  const running = { all: 0, doubtful: 0 }

  let isPlanned = false

  const pump = (): void => {
    isPlanned = false
    while (running.all < limits.maxConcurrentRequeries) {
      const again = running.doubtful < maxDoubtful ? doubtful.take() : undefined
      const turn = again ?? fresh.take()
      if (turn === undefined) return
      void run(turn, again === undefined ? 0 : 1)
    }
  }

  const run = async (turn: Turn<EdgeClient, Waiting>, isDoubtful: 0 | 1): Promise<void> => {
    metrics.questionsWaitingNow -= turn.taken.length
    running.all++
    running.doubtful += isDoubtful
    const { rest, isInDoubt } = await answerAll({ of: turn.of, taken: wantedOf(turn.taken) }, options)
    running.all--
    running.doubtful -= isDoubtful
    metrics.questionsWaitingNow += rest.length
    const queue = isInDoubt ? doubtful : fresh
    queue.add(turn.of, rest)
    pump()
  }

  return {
    ask: (client, question, isWanted = () => true) =>
      new Promise((resolve, reject) => {
        metrics.questionsWaitingNow++
        fresh.add(client, [{ question, hinderedCount: 0, isWanted, resolve, reject }])
        if (isPlanned) return
        isPlanned = true
        // Questions of the same turn of the event loop share a transaction.
        setImmediate(pump)
      }),
  }
}

/** @returns those that were not asked; `isInDoubt` where another failed before it came to them */
async function answerAll({ of: client, taken }: Turn<EdgeClient, Waiting>, options: AskerOptions): Promise<{ rest: Waiting[]; isInDoubt: boolean }> {
  if (taken.length === 0) return { rest: [], isInDoubt: false }
  const questions = taken.map(({ question }) => question)
  let together: Together
  try {
    const { tableFiles } = options
    const files = tableFiles.known ?? (await tableFiles.read())
    together = await askTogether(client, questions, options)
    // A table was emptied beneath them, or somewhat before: they are asked again.
    if (together.answers.length > 0 && (await tableFiles.read()) !== files) return { rest: askedAgain(taken, options.limits), isInDoubt: false }
  } catch (error) {
    together = { answers: [], failure: { error, isOfQuestion: false } }
  }
  const { answers, failure } = together
  for (const [index, answer] of answers.entries()) taken[index]?.resolve(answer)
  const rest = taken.slice(answers.length)
  if (failure === undefined) return { rest, isInDoubt: false }
  if (failure.isOfQuestion && isLockedOut(failure.error))
    return { rest: [...askedAgain(rest.splice(0, 1), options.limits), ...rest], isInDoubt: true }
  // Without a transaction nobody is to blame: for all of them the database did not answer.
  const failed = failure.isOfQuestion ? rest.splice(0, 1) : rest.splice(0)
  for (const { question, reject } of failed) reject(asLiveError(failure.error, question))
  return { rest, isInDoubt: true }
}

/** Whoever left need not be answered; but nothing waits for ever. */
function wantedOf(taken: readonly Waiting[]): Waiting[] {
  return taken.filter((waiting) => {
    const isWanted = waiting.isWanted()
    if (!isWanted) waiting.reject(new LiveError('database_unavailable', 'Nobody waits for the answer any more.'))
    return isWanted
  })
}

/** Those that were asked often enough fail. */
function askedAgain(taken: readonly Waiting[], { maxAsksPerQuestion }: Limits): Waiting[] {
  return taken.filter((waiting) => {
    waiting.hinderedCount++
    if (waiting.hinderedCount < maxAsksPerQuestion) return true
    const { question, reject } = waiting
    const asked = `${question.model}.${question.operation}`
    reject(
      new LiveError(
        'database_unavailable',
        `${asked} was asked ${maxAsksPerQuestion} times, and each time a table was locked or emptied (TRUNCATE).`,
      ),
    )
    return false
  })
}

interface Together {
  /** Of the first questions, as far as it came. What was read stays true when the transaction fails later. */
  answers: DatabaseAnswer[]
  /** `isOfQuestion`: the next one was being asked. */
  failure?: { error: unknown; isOfQuestion: boolean }
}

/**
 * Rows and the snapshot they were read in, in one REPEATABLE READ transaction that the policy-bound client opens itself:
 * a client derived inside a transaction keeps the identity and the policies of the one that opened it.
 * The snapshot is taken by the first statement, so the place read by the same statement lies behind all it shows.
 * After `databaseTimeoutMs` no further question is begun: an old snapshot keeps the database from cleaning up.
 */
async function askTogether(client: EdgeClient, questions: readonly Question[], { limits, metrics, statements }: AskerOptions): Promise<Together> {
  const answers: DatabaseAnswer[] = []
  let isBegun = false
  metrics.databaseTransactions++
  const ask = async (transaction: EdgeTransaction): Promise<void> => {
    const untilMs = performance.now() + limits.databaseTimeoutMs
    const [row] = await transaction.$qb
      .selectNoFrom((eb) => [
        eb.cast(eb.fn('pg_current_snapshot', []), 'text').as('snapshot'),
        // Not pg_current_wal_lsn(): it lags behind commits that did not wait for the disk (synchronous_commit=off).
        eb.cast(eb.fn('pg_current_wal_insert_lsn', []), 'text').as('lsn'),
        eb.fn('date_part', [eb.val('epoch'), eb.fn('now', [])]).as('now'),
        eb.fn('set_config', [eb.val('lock_timeout'), eb.val(String(limits.lockTimeoutMs)), eb.val(true)]).as('lockTimeout'),
      ])
      .execute()
    const snapshot = parsePgSnapshot(String(row?.['snapshot']))
    const horizon = parseLsn(String(row?.['lsn']))
    const time: DatabaseTime = { databaseMs: Number(row?.['now']) * 1000, localMs: performance.now() }
    isBegun = true
    for (const question of questions) {
      if (answers.length > 0 && performance.now() > untilMs) return
      metrics.databaseQueries++
      const value = await statements.ask(client, question, () => call(transaction, question))
      const exactTimes = await readExactTimes(transaction, question, value)
      answers.push({ value, snapshot, horizon, time, ...(exactTimes === undefined ? {} : { exactTimes }) })
    }
  }
  try {
    await client.$transaction(ask, { isolationLevel: 'repeatable read' })
    return { answers }
  } catch (error) {
    return { answers, failure: { error, isOfQuestion: isBegun } }
  }
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

/** Classes 22 (data) and 42 (syntax, types) of SQLSTATE: asking again would fail again. */
function isAboutTheQuery(error: unknown): boolean {
  return sqlStatesOf(error).some((code) => /^(22|42)/.test(code))
}

/** Another's lock outlasted `lockTimeoutMs`, or each of two waited for the other. */
function isLockedOut(error: unknown): boolean {
  return sqlStatesOf(error).some((code) => code === LOCK_NOT_AVAILABLE || code === DEADLOCK_DETECTED)
}

/** @see https://www.postgresql.org/docs/current/errcodes-appendix.html */
const LOCK_NOT_AVAILABLE = '55P03'
const DEADLOCK_DETECTED = '40P01'

/** Inside a transaction ZenStack wraps the driver's error twice. */
function sqlStatesOf(error: unknown): string[] {
  const states: string[] = []
  for (let each: unknown = error; typeof each === 'object' && each !== null; each = Reflect.get(each, 'cause')) {
    const code: unknown = Reflect.get(each, 'dbErrorCode') ?? Reflect.get(each, 'code')
    if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) states.push(code)
  }
  return states
}
