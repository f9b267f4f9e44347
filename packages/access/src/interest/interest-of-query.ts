import type { DataModel } from '@zenstack-live/model'
import { modelPolicyOf } from '../model-policy.ts'
import { EVERY_ROW, type Interest, type InterestBranch } from './interest.ts'
import { interestOfPolicy, type InterestContext } from './policy-interest.ts'
import { cheapest, interestOfWhere } from './where-interest.ts'

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
  const guarded = new Set(options.isPolicyOn ? modelPolicyOf(data, model).fields.map((field) => field.name) : [])
  const choices: (readonly InterestBranch[])[] = []
  const ofWhere = interestOfWhere(model, options.where, guarded)
  if (ofWhere !== undefined) choices.push(ofWhere)
  const ofPolicy = options.isPolicyOn && options.context !== undefined ? interestOfPolicy(data, model, options.context) : undefined
  // No branch at all: this identity sees no row.
  if (ofPolicy !== undefined) choices.push(ofPolicy.length > 0 ? ofPolicy : [{ kind: 'keys', fields: [...model.idFields], isList: false, keys: [] }])
  const branches = cheapest(choices)
  return branches === undefined ? EVERY_ROW : { branches }
}
