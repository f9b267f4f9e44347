import * as access from '@zenstack-live/access'
import { startPostgres } from '@zenstack-live/testing'
import { progress, type CommandOptions, type CommandResult } from '../command.ts'
import { createRandom, type Random } from '../random.ts'
import { judgeQuestion, type Question } from './judge-question.ts'
import { createTally, summarize, type Tally } from './tally.ts'

/** A kind of questions that ZenStack on Postgres answers, and that memory must answer the same. */
export interface OracleFuzz {
  readonly kind: 'where' | 'policy'
  /** What must be met: a fuzz that meets one of them never proves nothing. */
  readonly required: readonly string[]
  /** The same in every run: they differ by a single rule each, so that every mutant of the deciding code is noticed by one. */
  telling(createDatabase: () => Promise<string>): AsyncIterable<Question>
  /** Random ones on a new database; they may end at any number. */
  random(random: Random, url: string, tally: Tally, most: number): AsyncIterable<Question>
}

const DEFAULT_RUNS = 20_000

/** Asks until there are as many cases as wanted, the telling ones aside; with `mutate`, then lets mutants judge the same questions. */
export async function fuzzOracle(fuzz: OracleFuzz, { seed = 1, runs = DEFAULT_RUNS, mutate = false }: CommandOptions): Promise<CommandResult> {
  const random = createRandom(seed)
  const postgres = await startPostgres()
  const tally = createTally()
  const kept: Question[] = []
  const take = (question: Question): void => {
    tally.add(question, judgeQuestion(access, question))
    if (mutate) kept.push(question)
  }
  try {
    for await (const question of fuzz.telling(() => postgres.createDatabase())) take(question)
    const end = tally.cases + runs
    while (tally.cases < end) {
      for await (const question of fuzz.random(random, await postgres.createDatabase(), tally, end - tally.cases)) {
        take(question)
        if (tally.cases >= end) break
      }
      progress(`${tally.cases} cases, ${tally.mismatches.length} mismatches, ${tally.asked} asked`)
    }
  } finally {
    await postgres.stop()
  }
  return summarize(fuzz, tally, mutate ? kept : undefined)
}
