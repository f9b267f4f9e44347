import type { DataModel } from '@zenstack-live/model'
import { modelPolicyOf } from '../model-policy.ts'
import { EVERY_ROW, noRow, type Interest } from './interest.ts'
import { interestOfPolicy, type InterestContext } from './policy-interest.ts'
import { cheapest, costOf, interestOfWhere } from './where-interest.ts'

/**
 * What to look a query up by: the conjunct of its `where` or of the policies that finds the fewest rows.
 *
 * @param options.context - whose query it is; without one, policies say nothing
 */
export function interestOfQuery(
  data: DataModel,
  options: { model: string; where?: unknown; isPolicyOn: boolean; context?: InterestContext },
): Interest {
  const model = data.models.get(options.model)
  if (model === undefined) return EVERY_ROW
  const policyOn = options.isPolicyOn ? modelPolicyOf(data, model) : undefined
  const ofWhere = interestOfWhere(model, options.where, policyOn?.all.guardedFields ?? NO_FIELDS)
  // One value is hardly beaten, so policies need not be looked at.
  const isBest = ofWhere !== undefined && costOf(ofWhere) <= 1
  const { context } = options
  const ofPolicy = policyOn === undefined || context === undefined || isBest ? undefined : interestOfPolicy(data, model, context)
  // No branch at all: this identity sees no row.
  const ofReader = ofPolicy?.length === 0 ? noRow(model) : ofPolicy
  const branches = cheapest([ofWhere, ofReader].filter((each) => each !== undefined))
  return branches === undefined ? EVERY_ROW : { branches }
}

const NO_FIELDS: ReadonlySet<string> = new Set()
