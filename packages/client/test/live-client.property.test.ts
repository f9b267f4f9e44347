import fc from 'fast-check'
import { afterEach, describe, it, vi } from 'vitest'
import { step, type Step } from './support/client-steps.ts'
import { ClientWorld } from './support/client-world.ts'

/*
 * The real client against a server that does everything a server and a network can do, in any order; its own later code arrives at any time,
 * perhaps only at the end. After each step:
 *   I1  what a query shows is what it answers at some version, for the present person, never an earlier one than it showed before;
 *       where the server takes the person for another one, without a word to the page, never again for whom it took them before
 *   I2  there are never more than two streams; no stream without a watcher, some seconds after the last one left
 *   I3  a request never carries a position or a ticket of another person
 *   I4  a subscriber is called only when something it was told differs
 *   I17 what is called live is all that some stream of the query has brought
 * and when everything was delivered:
 *   I5  every query shows the newest version, and says that it is live
 */

/** Someone comes back to a query while the stream that had it is being left: what that stream still brings is older than where its successor stands. */
const COMES_BACK_DURING_A_CHANGE: Step[] = [
  { do: 'watch', query: 3 },
  { do: 'pass', ms: 50 },
  { do: 'answer', which: 0, behind: 0, isStubborn: false },
  { do: 'leave', query: 3 },
  { do: 'pass', ms: 6_000 },
  { do: 'commit', edits: [{ id: 'a', set: undefined }] },
  { do: 'commit', edits: [{ id: 'a', set: { spaceId: 's1', title: 'x', priority: 0 } }] },
  { do: 'watch', query: 3 },
  { do: 'flow', behind: 0, count: 1 },
  { do: 'cut', which: 0 },
  { do: 'offline' },
]

/** A stream is cut while its successor is behind it. */
const CUT_BEFORE_ITS_SUCCESSOR_CAUGHT_UP: Step[] = [
  { do: 'pass', ms: 50 },
  { do: 'answer', which: 0, behind: 0, isStubborn: false },
  { do: 'online' },
  { do: 'commit', edits: [{ id: 'a', set: undefined }] },
  { do: 'deliver', which: 0, count: 1, hasDuplicates: false },
  { do: 'flow', behind: 1, count: 0 },
  { do: 'cut', which: 0 },
  { do: 'flow', behind: 0, count: 0 },
  { do: 'flow', behind: 0, count: 0 },
]

/** A stream is cut while its successor, which goes dead without a word, is behind it. */
const CUT_WHILE_ITS_SUCCESSOR_IS_DEAF: Step[] = [
  { do: 'watch', query: 1 },
  { do: 'pass', ms: 50_000 },
  { do: 'leave', query: 0 },
  { do: 'flow', behind: 0, count: 0 },
  { do: 'pass', ms: 6_000 },
  { do: 'commit', edits: [{ id: 'a', set: { spaceId: 's2', title: 'x', priority: 0 } }] },
  { do: 'deliver', which: 0, count: 1, hasDuplicates: false },
  { do: 'flow', behind: 1, count: 0 },
  { do: 'refuse', which: 1 },
  { do: 'cut', which: 0 },
]

const jitter = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1, maxLength: 20 })

const RUNS = Number(process.env['FAST_CHECK_RUNS'] ?? 150)
const SEED = process.env['FAST_CHECK_SEED']

describe('the client, whatever the server and the network do', () => {
  afterEach(() => {
    vi.unstubAllGlobals()
    vi.useRealTimers()
  })

  it('never shows anything but what was true, never goes back, and ends at the truth', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 80, size: 'max' }), fc.boolean(), jitter, async (steps, isPrompt, drawn) => {
        vi.useFakeTimers()
        const world = new ClientWorld(isPrompt, drawn)
        try {
          await world.run({ do: 'commit', edits: [{ id: 'a', set: { spaceId: 's1', title: 'x', priority: 1 } }] })
          await world.run({ do: 'watch', query: 0 })
          for (const given of steps) await world.run(given)
          await world.settle()
        } finally {
          world.close()
          vi.unstubAllGlobals()
          vi.useRealTimers()
        }
      }),
      {
        numRuns: RUNS,
        examples: [
          [COMES_BACK_DURING_A_CHANGE, true, [0.5]],
          [CUT_BEFORE_ITS_SUCCESSOR_CAUGHT_UP, true, [0.5]],
          [CUT_WHILE_ITS_SUCCESSOR_IS_DEAF, true, [0.5]],
        ],
        ...(SEED === undefined ? {} : { seed: Number(SEED) }),
      },
    )
  })
})
