import { EVERY_ROW, interestOfQuery, type Interest, type ReadDependencies } from '@zenstack-live/access'
import type { Model } from '@zenstack-live/model'
import type { EdgeContext } from '../edge-context.ts'
import type { Identity } from '../identity/identity.ts'

export interface OwnRowsOptions {
  readonly model: Model
  /** As ZenStack takes them. */
  readonly validated: unknown
  readonly dependencies: ReadDependencies
  readonly isPolicyOn: boolean
  /** Nothing about the client changes reads but the policies. */
  readonly isPlain: boolean
}

/** Which rows of its own table can concern a query of somebody. */
export type OwnRows = (auth: Identity['auth']) => Interest

/**
 * What makes a query that the database answers deaf to most changes of its own table: a row that neither was nor is one that `where` and
 * the policies can let through is no part of its rows, its window, its count or its groups.
 *
 * @returns `undefined` where that does not follow: the table is read in another way as well, or rows are not what they seem
 */
export function ownRowsOf(context: EdgeContext, { model, validated, dependencies, isPolicyOn, isPlain }: OwnRowsOptions): OwnRows | undefined {
  const args = Object(validated) as { where?: unknown; cursor?: unknown }
  // A cursor's row need not match `where`.
  if (!isPlain || !dependencies.readsOwnTableOnce || args.cursor !== undefined) return undefined
  if (model.base !== undefined || model.subModels.length > 0 || model.hasRowSecurity) return undefined
  return (auth) => {
    const whose = dependencies.readsNow ? {} : { context: { auth, now: 0 } }
    const interest = interestOfQuery(context.data, { model: model.name, where: args.where, isPolicyOn, ...whose })
    const isInLog = interest.branches.every((branch) =>
      (branch.kind === 'keys' ? branch.fields : [branch.field]).every((name) => !context.isWithheld(model.name, name)),
    )
    return isInLog ? interest : EVERY_ROW
  }
}
