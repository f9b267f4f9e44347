import type { CommandOptions, CommandResult } from './command.ts'
import { fuzzOracle } from './oracle/fuzz-oracle.ts'
import { askPolicyCases, askTellingPolicies } from './policy/ask-policy-cases.ts'
import { REQUIRED_USES } from './policy/required-uses.ts'

/**
 * Random read policies of models and fields, for several users and for nobody, while rows are written: what memory says of each row, and of
 * each change of a row, against what ZenStack on Postgres returns before and after. A run is one row or one change under one policy for one
 * user. Rows take the real way: Postgres, capture, change event, model.
 */
export function run(options: CommandOptions): Promise<CommandResult> {
  return fuzzOracle({ kind: 'policy', required: REQUIRED_USES, telling: askTellingPolicies, random: askPolicyCases }, options)
}
