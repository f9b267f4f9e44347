import type { DecisionContext } from '@zenstack-live/access'

const NOBODY: DecisionContext = { auth: null, now: 0 }

let present = NOBODY
let wasRead = false

/**
 * One for all who decide: what an accessor of a literal holds stays until the next full collection, and there would be one for every change. They are its
 * own, so that copies are watched as well.
 */
const watched: DecisionContext = {
  get now() {
    return present.now
  },
  get auth() {
    wasRead = true
    return present.auth
  },
  // Unset where the context has none.
  get keySets() {
    wasRead = true
    return present.keySets
  },
} as DecisionContext

/**
 * Decides for one identity, and finds out whether anything of it was looked at.
 *
 * @param decide - looks at its context before it returns, and never later: then it is of nobody
 * @throws {TypeError} when called with a context that is watched
 */
export function watchIdentity<Decided>(
  context: DecisionContext,
  decide: (context: DecisionContext) => Decided extends Promise<unknown> ? never : Decided,
): { decided: Decided; wasRead: boolean } {
  if (context === watched) throw new TypeError('An identity is watched once.')
  const [outer, wasOuterRead] = [present, wasRead]
  present = context
  wasRead = false
  try {
    return { decided: decide(watched), wasRead }
  } finally {
    present = outer
    wasRead = wasOuterRead
  }
}
