import { progress, type CommandOptions } from './command.ts'
import { addToLedger, readLedger, type Ledger } from './live/live-ledger.ts'
import { createLiveStage, type LiveStage } from './live/live-stage.ts'
import { runLive, totalOf, WHOLE_RUN, type LiveOutcome, type LiveRun } from './live/run-live.ts'
import { randomPolicies, STUDIO_POLICIES, type StudioPolicies } from './live/studio-policies.ts'
import { createRandom } from './random.ts'

/*
 * Three people look at twenty queries each, over two edges, while the database changes at random and things break. See run-live.ts
 * for what is compared, and leak-oracle.ts for what may be sent. Several worlds in a row have the same policies, which are random in
 * four cases of five; in one world of ten the edges are processes that are killed. All of it follows from a world's seed.
 */

interface Result extends LiveOutcome {
  name: string
  /** Sets of policies that were generated. */
  schemas: number
  /** Leaks found with one protection switched off: each must be found. */
  leakControl: Record<string, number>
  /** All worlds so far in which nothing was wrong, those of this run included. */
  ledger: Ledger
  failed: boolean
  [kind: string]: unknown
}

const PROTECTIONS = {
  masking: 'masksFields',
  deletes: 'hidesDeleted',
  leaves: 'checksLeaves',
  revocation: 'revokes',
  identityScope: 'scopesIdentity',
  keyHmac: 'hidesKeys',
}
const CONTROL_RUN: LiveRun = { writes: 60, queriesPerUser: 32, faults: 1, isCompared: false }
const MAX_CONTROL_RUNS = 10
const SEED_STEP = 7919
const KILL_EVERY = 10
/** Reading a schema and compiling its reads cost about as much as a world does. */
const WORLDS_PER_SCHEMA = 8
const STUDIO_EVERY = 5

/** `runs`: worlds of random queries and writes; 0 for the controls alone. `--mutate`: what joins snapshots and the stream is switched off. */
export async function run({ seed = 1, runs = 10, mutate = false }: CommandOptions): Promise<Result> {
  // First, for a world counts only where the oracle sees.
  const leakControl = mutate ? {} : await controlLeaks(seed)
  const isBlind = Object.values(leakControl).includes(0)
  const guards = mutate ? { dropsSeen: false, looksBehind: false, waitsForCause: false, holdsIds: false, replaysAll: false } : {}
  await using whole = createLiveStage({ edgeOptions: { guards } })
  await using killed = createLiveStage({ hasProcesses: true })
  const outcomes: LiveOutcome[] = []
  const schemas = new Set<StudioPolicies>()
  for (let index = 0; index < runs; index++) {
    const worldSeed = seed + index * SEED_STEP
    const isKilled = !mutate && Math.floor(worldSeed / SEED_STEP) % KILL_EVERY === 0
    const policies = await policiesOf(worldSeed)
    if (policies.kind === 'generated') schemas.add(policies)
    const outcome = await runSeed(isKilled ? killed : whole, policies, worldSeed)
    const { cases, mismatches, leaks } = outcome
    progress(`seed ${worldSeed} (${policies.kind}${isKilled ? ', killed' : ''}): ${cases} comparisons, ${mismatches} mismatches, ${leaks} leaks`)
    outcomes.push(outcome)
    // As it ends: what was done stays when a later one is stopped.
    if (!mutate && !isBlind) addToLedger({ seed: worldSeed, cases, policies: policies.kind, isKilled, faults: mismatches + leaks })
  }
  const outcome = totalOf(outcomes)
  const isWrong = outcome.mismatches + outcome.leaks > 0
  const failed = mutate ? !isWrong : isWrong || isBlind
  return { name: 'live', ...outcome, schemas: schemas.size, leakControl, ledger: readLedger(), failed }
}

async function runSeed(stage: LiveStage, policies: StudioPolicies, seed: number): Promise<LiveOutcome> {
  try {
    const outcome = await runLive(await stage.worldOf(policies), createRandom(seed), WHOLE_RUN)
    if (outcome.mismatches + outcome.leaks > 0) progress(policies.text)
    return outcome
  } catch (error) {
    progress(`seed ${seed}: ${policies.text}`)
    throw error
  }
}

let latest: { group: number; policies: Promise<StudioPolicies> } | undefined

/** Those of neighbouring seeds are the same. */
function policiesOf(seed: number): Promise<StudioPolicies> {
  const group = Math.floor(seed / SEED_STEP / WORLDS_PER_SCHEMA)
  if (latest?.group !== group) {
    latest = { group, policies: group % STUDIO_EVERY === 0 ? Promise.resolve(STUDIO_POLICIES) : randomPolicies(createRandom(group)) }
  }
  return latest.policies
}

/** One protection at a time is switched off: the oracle must see it, whatever the policies. */
async function controlLeaks(seed: number): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for (const [name, guard] of Object.entries(PROTECTIONS)) {
    await using stage = createLiveStage({ edgeOptions: { guards: { [guard]: false } } })
    let leaks = 0
    for (let index = 0; index < MAX_CONTROL_RUNS && leaks === 0; index++) {
      const world = await stage.worldOf(await randomPolicies(createRandom(seed + index)))
      leaks += (await runLive(world, createRandom(seed + index), CONTROL_RUN)).leaks
    }
    found[name] = leaks
    progress(`without ${name}: ${leaks} leaks`)
  }
  return found
}
