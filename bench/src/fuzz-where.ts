import type { CommandOptions, CommandResult } from './command.ts'
import { fuzzOracle } from './oracle/fuzz-oracle.ts'
import { askTellingFilters } from './where/ask-telling-filters.ts'
import { askWhereCases } from './where/ask-where-cases.ts'
import { requiredUses } from './where/required-uses.ts'

/**
 * Random schemas, rows and filters: what memory says of each row against what ZenStack on Postgres returns. A run is one row under
 * one filter. Rows take the real way: Postgres, capture, change event, model.
 */
export function run(options: CommandOptions): Promise<CommandResult> {
  const random = askWhereCases
  return fuzzOracle({ kind: 'where', required: requiredUses(), telling: askTellingFilters, random }, options)
}
