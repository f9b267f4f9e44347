import { openPool } from '@zenstack-live/testing'
import { ERROR_CODES, type ErrorCode, type Frame } from '@zenstack-live/protocol'
import { schema } from '@zenstack-live/testing/workspace'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'
import { PolicyPlugin } from '@zenstackhq/plugin-policy'
import { progress, type CommandOptions } from './command.ts'
import { genuineTexts, type Credentials } from './hostile/genuine.ts'
import { hostileInput, type HostileInput } from './hostile/hostile-input.ts'
import { readFrames } from './hostile/read-frames.ts'
import { fillStage, openLoadStage, type LoadStage } from './live-load/stage.ts'
import { createRandom } from './random.ts'

/*
 * Requests that nobody should send, by somebody who may read nothing: each must be answered soon, with a code and its fixed
 * sentence, or with a stream that holds nothing of others; and the edge must be as it was afterwards. Nor may it say that asking again
 * could help where it does not: clients would ask for ever.
 */

interface Result {
  name: string
  cases: number
  /** Errors that escaped. */
  crashes: number
  /** Answers that took too long. */
  hangs: number
  /** Answers with what is not the asker's, or more than the fixed sentence. */
  leaks: number
  /** Answers that tell to come back, twice in a row. */
  loops: number
  /** How often each answer was given. */
  answers: Record<string, number>
  failed: boolean
  [kind: string]: unknown
}

const AT_ONCE = 16
const HANG_MS = 20_000
const BATCH = 5_000
const HIDDEN = 'hidden from everybody else'
/** May read nothing. */
const NOBODY = 'mallory'
/** Of all that is hidden. */
const OWNER = 'u1'
/** What the owner would be told who goes on from before it: rows that change, go and come. */
const MEANWHILE = `UPDATE "Task" SET priority = 7; UPDATE "Note" SET rank = 7 WHERE id < 4; DELETE FROM "Note" WHERE id = 5;
  INSERT INTO "Note" (id, "ownerId", body, secret) VALUES (6, '${OWNER}', '${HIDDEN}', '${HIDDEN}')`

/** `mutate`: who asks may read after all, so that what comes back is not theirs. */
export async function run({ seed = 1, runs = 2_000, mutate = false }: CommandOptions): Promise<Result> {
  const stage = await openLoadStage()
  const result: Result = { name: 'hostile', cases: 0, crashes: 0, hangs: 0, leaks: 0, loops: 0, answers: {}, failed: false }
  const onCrash = (error: unknown): void => {
    result.crashes++
    progress(`CRASH ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  }
  process.on('uncaughtException', onCrash)
  process.on('unhandledRejection', onCrash)
  try {
    const credentialsOf = await prepare(stage)
    const genuine = await genuineTexts(stage, credentialsOf(NOBODY), credentialsOf(OWNER))
    await stage.sql(MEANWHILE)
    const credentials = credentialsOf(mutate ? OWNER : NOBODY)
    const random = createRandom(seed)
    const work = async (): Promise<void> => {
      while (result.cases < runs) {
        result.cases++
        await tryOne(stage, credentials, hostileInput(random, genuine), result)
        if (result.cases % BATCH === 0) progress(`${result.cases} tried: ${JSON.stringify(result.answers)}`)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    await genuineTexts(stage, credentialsOf(NOBODY), credentialsOf(OWNER))
    if (stage.edge.metrics().connectionsNow > 0) onCrash(new Error(`${stage.edge.metrics().connectionsNow} connections were left behind.`))
    if ('polluted' in {}) onCrash(new Error('The prototype of all objects was changed.'))
  } finally {
    process.off('uncaughtException', onCrash)
    process.off('unhandledRejection', onCrash)
    await stage.close()
  }
  const isWrong = result.crashes + result.hangs + result.leaks + result.loops > 0
  return { ...result, failed: isWrong !== mutate }
}

async function prepare(stage: LoadStage): Promise<(user: string) => Credentials> {
  await fillStage(stage, { users: 3, spaces: 2, spacesPerUser: 1, tasksPerSpace: 5 })
  await stage.sql(`UPDATE "Task" SET title = $1`, [HIDDEN])
  await stage.sql(
    `INSERT INTO "Note" (id, "ownerId", body, "isPublic", rank, size, at, secret) SELECT n, $2, $1, false, 0, 0, now(), $1 FROM generate_series(1, 5) n`,
    [HIDDEN, OWNER],
  )
  const pool = openPool({ connectionString: stage.url, max: 2 })
  const bound = new ZenStackClient(schema, { dialect: new PostgresDialect({ pool }) }).$use(new PolicyPlugin())
  const clientOf = (id: string): ReturnType<typeof bound.$setAuth> => bound.$setAuth({ id, role: 'MEMBER' })
  return (user) => {
    const client = clientOf(user)
    return {
      getClient: () => client,
      // Whoever gets a ticket for another subject taken reads what is hidden.
      accessTickets: { mint: () => ({ subject: user }), redeem: (subject) => (subject === user ? client : clientOf(OWNER)) },
    }
  }
}

async function tryOne({ edge }: LoadStage, credentials: Credentials, input: HostileInput, result: Result): Promise<void> {
  const { method, path, search, headers, body } = input
  const ask = (): Promise<Answer> => {
    const request = new Request(`http://live.test/api/live${path}${search}`, { method, headers, ...(body === undefined ? {} : { body }) })
    return edge.handle(request, { path, ...credentials }).then((response) => readAnswer(response, input))
  }
  const say = (what: string, more: string): void => progress(`${what} ${JSON.stringify(input).slice(0, 600)}\n  ${more.slice(0, 600)}`)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), HANG_MS)
  })
  try {
    const answer = await Promise.race([ask(), late])
    if (answer === 'late') {
      result.hangs++
      return say('HANG', '')
    }
    result.answers[answer.kind] = (result.answers[answer.kind] ?? 0) + 1
    if (answer.text.includes(HIDDEN) || !answer.isProper) {
      result.leaks++
      say('LEAK', answer.text)
    }
    if (!answer.comesBack || !(await ask()).comesBack) return
    result.loops++
    say('LOOP', answer.text)
  } catch (error) {
    result.crashes++
    say('CRASH', error instanceof Error ? (error.stack ?? error.message) : String(error))
  } finally {
    clearTimeout(timer)
  }
}

interface Answer {
  kind: string
  text: string
  isProper: boolean
  /** It says that asking again may help. */
  comesBack: boolean
}

async function readAnswer(response: Response, input: HostileInput): Promise<Answer> {
  if (response.headers.get('content-type')?.startsWith('text/event-stream') === true) return readStream(response, input)
  const text = await response.text()
  const { error, access, data } = JSON.parse(text) as { error?: { code: ErrorCode; message: string }; access?: string; data?: unknown }
  const isRight = response.status === 200
  if (access !== undefined) return { kind: 'ticket', text, isProper: isRight, comesBack: false }
  if (error === undefined) return { kind: 'read', text, isProper: isRight && (asksForPeople(input) || isNothing(data)), comesBack: false }
  const comesBack = ERROR_CODES[error.code].isRetryable
  return { kind: error.code, text, isProper: ERROR_CODES[error.code].sentence === error.message, comesBack }
}

async function readStream(response: Response, input: HostileInput): Promise<Answer> {
  const { text, frames } = await readFrames(response, input.awaits)
  const codes = frames.flatMap((frame) => (frame.event === 'error' ? [frame.code] : []))
  const comesBack = codes.some((code) => ERROR_CODES[code].isRetryable)
  const isProper = frames.every((frame) => isForAnybody(frame, asksForPeople(input))) && !(input.isStolen === true && goesOn(frames))
  return { kind: codes.length > 0 ? 'stream with errors' : 'stream', text, isProper, comesBack }
}

/** Everybody may read who there is, and nobody what else there is. */
function asksForPeople({ path, body = '' }: HostileInput): boolean {
  return /user/i.test(path + body)
}

/** Of the keys that there are: people's, and hidden ones. */
const KEYS_FOR_ANYBODY = /^(?:u\d+|[\w-]{22}(?:#\d+)?)$/

/** Whoever may read nothing is shown no row but people, if that, and told of no change. */
function isForAnybody(frame: Frame, isOfPeople: boolean): boolean {
  if (frame.event === 'change' || frame.event === 'changes') return false
  if (frame.event !== 'snapshot') return true
  if (frame.shape === 'value') return isOfPeople || isNothing(frame.value)
  return frame.rows.every(({ key }) => isOfPeople && KEYS_FOR_ANYBODY.test(key))
}

/** No rows, or what is counted and summed of none. */
function isNothing(value: unknown): boolean {
  return typeof value === 'object' && value !== null ? Object.values(value).every(isNothing) : !value
}

/** A query is ready that was not begun anew. */
function goesOn(frames: readonly Frame[]): boolean {
  const begun = new Set(frames.flatMap((frame) => (frame.event === 'snapshot' || frame.event === 'reset' ? [frame.q] : [])))
  return frames.some((frame) => frame.event === 'ready' && !begun.has(frame.q))
}
