import { setTimeout as sleep } from 'node:timers/promises'
import { serialize } from '@zenstackhq/client-helpers/fetch'
import { progress } from '../command.ts'
import { createRandom, type Random } from '../random.ts'
import { createLeakOracle, type LeakOracle } from './leak-oracle.ts'
import type { LiveWorld } from './live-world.ts'
import { missedChanges } from './missed-changes.ts'
import type { FuzzQuery } from './random-queries.ts'
import { createTokens, fill, randomWrite, type Ink } from './random-writes.ts'
import { USERS } from './studio.ts'
import { createWatcher, type WatchedQuery, type Watcher } from './watcher.ts'

export interface LiveRun {
  writes: number
  queriesPerUser: number
  faults: number
  /** Whether what is shown is compared, and not only what was sent. @defaultValue true */
  isCompared?: boolean
}

export interface LiveOutcome {
  cases: number
  mismatches: number
  leaks: number
  /** Answers that were compared and held something: rows, or a value that is not 0. */
  withRows: number
  /** Of whoever was asked about at a quiet point: rows that they may read, that they may not, and fields of the former that they may not. */
  rows: number
  deniedRows: number
  deniedFields: number
  /** Queries that were opened, by what keeps them right. */
  incremental: number
  requery: number
}

const NOTHING: LiveOutcome = {
  cases: 0,
  mismatches: 0,
  leaks: 0,
  withRows: 0,
  rows: 0,
  deniedRows: 0,
  deniedFields: 0,
  incremental: 0,
  requery: 0,
}

export function totalOf(outcomes: readonly LiveOutcome[]): LiveOutcome {
  return outcomes.reduce((total, outcome) => {
    const sums = Object.entries(NOTHING).map(([name]) => [name, Reflect.get(total, name) + Reflect.get(outcome, name)])
    return Object.fromEntries(sums) as LiveOutcome
  }, NOTHING)
}

/** The size: three people with twenty queries each, two hundred writes, five faults. */
export const WHOLE_RUN: LiveRun = { writes: 200, queriesPerUser: 20, faults: 5 }

/** Some worlds are compared more often: what is asked again for another reason would else hide that it was once forgotten. */
const QUIET_POINTS = [5, 5, 5, 25]
const SEEDS = 2 ** 31
const MAX_RUSH = 8
const QUIET_MS = 20_000
const LOOK_EVERY_MS = 20

/**
 * Several people look at queries, and at others, while the database changes at random, they go away and come back, and things break. At each quiet point what every client shows
 * must be what its policy-bound client reads; and all that was sent must have been readable.
 */
export async function runLive(
  world: LiveWorld,
  random: Random,
  { writes, queriesPerUser, faults, isCompared = true }: LiveRun,
): Promise<LiveOutcome> {
  const { profiles, time } = world.policies
  const ink: Ink = { tokens: createTokens(), profiles, time, dueUntilMs: 0 }
  const oracle = createLeakOracle(world)
  oracle.note(await world.commits.commit([fill(ink)]))
  // Which edge answers when is nobody's choice: what is written follows from the seed alone.
  const watchers = USERS.map((user) => createWatcher(world, user, createRandom(random.whole(SEEDS)), queriesPerUser))
  const outcome = { ...NOTHING }
  const faultAt = new Set<number>()
  while (faultAt.size < faults) faultAt.add(1 + random.whole(writes))
  const pause = Math.ceil(writes / random.pick(QUIET_POINTS))
  try {
    for (let written = 0; written < writes;) {
      const rush = randomRush(random, written, (write) => faultAt.has(write) || write % pause === 0)
      oracle.note(await world.commits.commit(Array.from({ length: rush }, () => randomWrite(random, ink))))
      written += rush
      if (faultAt.has(written)) await breakSomething(world, watchers, random)
      if (random.chance(0.1)) random.pick(watchers).turnPage()
      if (random.chance(0.03)) random.pick(watchers).leave()
      // Sometimes the next changes come when the edges know of these, sometimes before.
      if (random.chance(0.25)) await world.caughtUp()
      if (written % pause !== 0) continue
      for (const watcher of watchers) watcher.comeBack()
      const { rows, deniedRows, deniedFields } = await oracle.check()
      outcome.rows += rows
      outcome.deniedRows += deniedRows
      outcome.deniedFields += deniedFields
      await world.caughtUp()
      if (!isCompared) continue
      // Nothing may change by time alone between what is expected and what is shown.
      await sleep(Math.max(0, ink.dueUntilMs - Date.now()))
      const compared = await compareAll(world, watchers)
      outcome.cases += compared.cases
      outcome.withRows += compared.withRows
      outcome.mismatches += compared.mismatches
    }
    if (isCompared) outcome.mismatches += await countMissed(world, watchers, oracle)
    for (const watcher of watchers) {
      outcome.leaks += oracle.countLeaks(watcher)
      for (const { chunks } of watcher.answers) {
        const bytes = chunks.map(({ text }) => text).join('')
        outcome.incremental += bytes.split('"engine":"incremental"').length - 1
        outcome.requery += bytes.split('"engine":"requery"').length - 1
      }
    }
  } finally {
    for (const watcher of watchers) watcher.close()
  }
  return outcome
}

/** How many writes come at once: sometimes one, sometimes more than the edges can follow one by one. */
function randomRush(random: Random, written: number, isStop: (write: number) => boolean): number {
  let rush = 1
  for (const most = 1 + random.whole(MAX_RUSH); rush < most && !isStop(written + rush); rush++);
  return rush
}

async function breakSomething(world: LiveWorld, watchers: readonly Watcher[], random: Random): Promise<void> {
  const edge = random.pick([...world.edges])
  const kind = random.pick(['cut', 'restart', 'sign-out', 'redis'] as const)
  if (kind === 'sign-out') return random.pick([...watchers]).become(random.pick([...USERS, 'nobody'] as const))
  if (kind === 'redis' && world.restartRedis !== undefined) return world.restartRedis()
  if (kind === 'restart') return edge.restart()
  edge.cut()
  // A process that was cut off is gone: another takes its place.
  if (world.restartRedis !== undefined) await edge.restart()
}

async function compareAll(world: LiveWorld, watchers: readonly Watcher[]): Promise<Pick<LiveOutcome, 'cases' | 'withRows' | 'mismatches'>> {
  const expected = new Map<WatchedQuery, string>()
  let withRows = 0
  for (const { user, queries } of watchers) {
    const client = await world.clientOf(user)
    const answers = await Promise.all(queries.map(async (one) => ({ one, answer: await ask(client, one.query) })))
    for (const { one, answer } of answers) {
      expected.set(one, textOf(answer))
      if (Array.isArray(answer) ? answer.length > 0 : Boolean(answer)) withRows++
    }
  }
  const differs = (one: WatchedQuery): boolean => textOf(one.shown()) !== expected.get(one)
  const all = [...expected.keys()]
  const until = performance.now() + QUIET_MS
  let wrong = all.filter(differs)
  while (wrong.length > 0 && performance.now() < until) {
    await sleep(LOOK_EVERY_MS)
    wrong = wrong.filter(differs)
    // All at one moment: what agreed may only not have been told yet of what came and went.
    if (wrong.length === 0) wrong = all.filter(differs)
  }
  for (const one of wrong) {
    const { user } = watchers.find(({ queries }) => queries.includes(one)) ?? { user: '?' }
    const facts = [`expected ${expected.get(one)?.slice(0, 2_000)}`, `shown    ${textOf(one.shown()).slice(0, 2_000)}`]
    progress([`MISMATCH of ${user}: ${JSON.stringify(one.query)}`, ...facts].join('\n  '))
  }
  return { cases: expected.size, withRows, mismatches: wrong.length }
}

/** What `$changes` did not tell. */
async function countMissed({ policies }: LiveWorld, watchers: readonly Watcher[], { history }: LeakOracle): Promise<number> {
  const until = performance.now() + QUIET_MS
  const missedNow = (): string[] =>
    watchers.flatMap((watcher) => missedChanges(watcher, { history, policies }).map((what) => `${watcher.user} ${what}`))
  let missed = missedNow()
  for (; missed.length > 0 && performance.now() < until; missed = missedNow()) await sleep(LOOK_EVERY_MS * 10)
  for (const what of missed) progress(`MISSED by ${what}`)
  return missed.length
}

function ask(client: object, query: FuzzQuery): Promise<unknown> {
  const crud: unknown = Reflect.get(client, query.model)
  const operation: unknown = Reflect.get(Object(crud), query.operation)
  if (typeof operation !== 'function') throw new TypeError(`ZenStack has no ${query.model}.${query.operation}.`)
  return Reflect.apply(operation, crud, query.args === undefined ? [] : [query.args]) as Promise<unknown>
}

/** Values with their types, so that 1 is not "1" and a date not its text. */
function textOf(value: unknown): string {
  if (value instanceof Error) return `${value.name}: ${value.message}`
  const { data, meta } = serialize(value)
  return JSON.stringify([data, Object(meta).values])
}
