import fc from 'fast-check'
import type { Edit } from './model-server.ts'

/** What a server, a network and a page can do. */
export type Step =
  | { do: 'commit'; edits: Edit[] }
  | { do: 'answer'; which: number; behind: number; isStubborn: boolean }
  | { do: 'deliver'; which: number; count: number; hasDuplicates: boolean }
  | { do: 'flow'; behind: number; count: number }
  | { do: 'reset'; which: number; query: number; isSplit: boolean }
  | { do: 'cut' | 'end' | 'refuse' | 'bye'; which: number }
  | { do: 'watch' | 'leave'; query: number }
  | { do: 'pass'; ms: number }
  | { do: 'person'; name: string }
  /** The server takes the page for someone else's (a cookie changed, a role did), and sooner or later says so in streams that are open. */
  | { do: 'swap'; name: string }
  | { do: 'notice'; isSplit: boolean }
  | { do: 'offline' | 'online' | 'hide' | 'show' | 'epoch' }
  | { do: 'code'; isThere: boolean }

const small = fc.nat({ max: 3 })
const edit: fc.Arbitrary<Edit> = fc.record({
  id: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  set: fc.option(fc.record({ spaceId: fc.constantFrom('s1', 's2'), title: fc.constantFrom('x', 'y', 'z'), priority: fc.nat({ max: 4 }) }), {
    nil: undefined,
  }),
})
export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('commit' as const), edits: fc.array(edit, { minLength: 1, maxLength: 3 }) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('answer' as const), which: small, behind: small, isStubborn: fc.boolean() }) },
  { weight: 10, arbitrary: fc.record({ do: fc.constant('deliver' as const), which: small, count: fc.nat({ max: 4 }), hasDuplicates: fc.boolean() }) },
  { weight: 12, arbitrary: fc.record({ do: fc.constant('flow' as const), behind: small, count: small }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('reset' as const), which: small, query: small, isSplit: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('cut' as const, 'end' as const, 'refuse' as const, 'bye' as const), which: small }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('watch' as const, 'leave' as const), query: small }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 10, 50, 600, 6_000, 50_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('person' as const), name: fc.constantFrom('alice', 'bob') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('swap' as const), name: fc.constantFrom('alice', 'bob') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('notice' as const), isSplit: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('offline' as const, 'online' as const, 'hide' as const, 'show' as const, 'epoch' as const) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('code' as const), isThere: fc.boolean() }) },
)
