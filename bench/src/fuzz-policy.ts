import * as access from '@zenstack-live/access'
import { startPostgres } from '@zenstack-live/testing'
import { progress, type CommandOptions, type CommandResult } from './command.ts'
import { judge, type Case } from './oracle/judge.ts'
import { createTally, summarize } from './oracle/tally.ts'
import { askPolicyCases, askTellingPolicies } from './policy/ask-policy-cases.ts'
import { CONSTRUCTS } from './policy/generate-policy.ts'
import { createRandom } from './random.ts'

const DEFAULT_RUNS = 20_000

/**
 * Random read policies of models and fields, for several users and for nobody: what memory says of each row against what ZenStack on
 * Postgres returns. A run is one row under one policy for one user. Rows take the real way: Postgres, capture, change event, model.
 * Before the random ones come the telling ones, the same every time.
 */
export async function run(options: CommandOptions): Promise<CommandResult> {
  const random = createRandom(options.seed ?? 1)
  const runs = options.runs ?? DEFAULT_RUNS
  const postgres = await startPostgres()
  const tally = createTally()
  const kept: Case[] = []
  const take = (question: Case): void => {
    tally.add(question, judge(access, question))
    if (options.mutate === true) kept.push(question)
  }
  try {
    for await (const question of askTellingPolicies(await postgres.createDatabase())) take(question)
    const end = tally.cases + runs
    while (tally.cases < end) {
      for await (const question of askPolicyCases(random, await postgres.createDatabase())) {
        take(question)
        if (tally.cases >= end) break
      }
      progress(`${tally.cases} cases, ${tally.mismatches.length} mismatches, ${tally.asked} asked`)
    }
  } finally {
    await postgres.stop()
  }
  return summarize('fuzz-policy', tally, CONSTRUCTS, options.mutate === true ? kept : undefined, 'policy')
}
