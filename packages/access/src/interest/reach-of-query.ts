import type { DataModel } from '@zenstack-live/model'
import { modelPolicyOf } from '../model-policy.ts'
import type { InterestBranch } from './interest.ts'
import { interestOfPolicy, type InterestContext } from './policy-interest.ts'
import { interestOfWhere } from './where-interest.ts'

/**
 * What an answer can still hold, told from the filter and from whom it is for, without a row:
 * - `none`: no row at all.
 * - `other-rules`: nothing by a membership, though perhaps something by another rule. `where` is a part of the filter that many
 *   queries share; where this identity sees no row of it, the answer is empty.
 * - `open`: only the rows can tell.
 */
export type Reach = { readonly kind: 'none' } | { readonly kind: 'open' } | { readonly kind: 'other-rules'; readonly where: Record<string, unknown> }

const NONE: Reach = { kind: 'none' }
const OPEN: Reach = { kind: 'open' }

/** Says so after a membership ended: a thousand queries of a space that somebody has left need not be asked one by one. */
export function reachOfQuery(data: DataModel, options: { model: string; where?: unknown; isPolicyOn: boolean; context: InterestContext }): Reach {
  const model = data.models.get(options.model)
  if (model === undefined || !options.isPolicyOn) return OPEN
  const allowed = interestOfPolicy(data, model, options.context)
  if (allowed === undefined) return OPEN
  if (allowed.every(findsNothing)) return NONE
  const { keySets, guardedFields } = modelPolicyOf(data, model).all
  const memberFields = new Set(keySets.map((spec) => spec.ownFields.join()))
  const isMembership = (branch: InterestBranch): boolean => branch.kind === 'keys' && memberFields.has(branch.fields.join())
  let reach = OPEN
  for (const [name, payload] of Object.entries(Object(options.where) as Record<string, unknown>)) {
    if (!memberFields.has(name) || payload === undefined) continue
    const asked = interestOfWhere(model, { [name]: payload }, guardedFields)
    const met = asked === undefined ? allowed : allowed.filter((branch) => asked.some((one) => !areApart(one, branch)))
    if (met.length === 0) return NONE
    if (!met.some(isMembership)) reach = { kind: 'other-rules', where: { [name]: payload } }
  }
  return reach
}

function findsNothing(branch: InterestBranch): boolean {
  return branch.kind === 'keys' && branch.keys.length === 0
}

/** No row is found by both: a row has one key in the same fields. */
function areApart(one: InterestBranch, other: InterestBranch): boolean {
  if (findsNothing(one) || findsNothing(other)) return true
  if (one.kind !== 'keys' || other.kind !== 'keys' || one.isList || other.isList) return false
  if (one.fields.join() !== other.fields.join()) return false
  const keys = new Set(other.keys)
  return !one.keys.some((key) => keys.has(key))
}
