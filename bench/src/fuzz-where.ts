import { startPostgres } from '@zenstack-live/testing'
import * as access from '@zenstack-live/access'
import { progress, type CommandOptions, type CommandResult } from './command.ts'
import { judge, type Case } from './oracle/judge.ts'
import { createTally, summarize } from './oracle/tally.ts'
import { createRandom } from './random.ts'
import { askTellingFilters } from './where/ask-telling-filters.ts'
import { askWhereCases } from './where/ask-where-cases.ts'
import { requiredUses } from './where/required-uses.ts'

const DEFAULT_RUNS = 20_000

/**
 * Random schemas, rows and filters: what memory says of each row against what ZenStack on Postgres returns. A run is one row under
 * one filter. Rows take the real way: Postgres, capture, change event, model.
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
    for await (const question of askTellingFilters(await postgres.createDatabase())) take(question)
    const end = tally.cases + runs
    while (tally.cases < end) {
      for await (const question of askWhereCases(random, tally.casesByUse, await postgres.createDatabase(), end - tally.cases)) {
        take(question)
        if (tally.cases >= end) break
      }
      progress(`${tally.cases} cases, ${tally.mismatches.length} mismatches, ${tally.asked} asked`)
    }
  } finally {
    await postgres.stop()
  }
  return summarize('fuzz-where', tally, requiredUses(), options.mutate === true ? kept : undefined, 'where')
}
