import { appendFileSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirectory } from '@zenstack-live/testing'
import { progress, type CommandOptions } from './command.ts'
import { openLiveWorld, type LiveWorld, type LiveWorldOptions } from './live/live-world.ts'
import { runLive, WHOLE_RUN, type LiveOutcome, type LiveRun } from './live/run-live.ts'
import { createRandom } from './random.ts'

/*
 * Three people look at twenty queries each, over two edges, while the database changes at random and things break. See run-live.ts
 * for what is compared, and leak-oracle.ts for what may be sent. In one run of ten the edges are processes that are killed.
 */

interface Result extends LiveOutcome {
  name: string
  /** Leaks found with one protection switched off: each must be found. */
  leakControl: Record<string, number>
  /** All worlds so far in which nothing was wrong, those of this run included. */
  ledger: { runs: number; cases: number }
  failed: boolean
  [kind: string]: unknown
}

const PROTECTIONS = { masking: 'masksFields', deletes: 'hidesDeleted', revocation: 'revokes', identityScope: 'scopesIdentity', keyHmac: 'hidesKeys' }
const CONTROL_RUN: LiveRun = { writes: 60, queriesPerUser: 32, faults: 1 }
const MAX_CONTROL_RUNS = 5
const KILL_EVERY = 10
const SEED_STEP = 7919

/** `runs`: worlds of random queries and writes; 0 for the controls alone. `--mutate`: what joins snapshots and the stream is switched off. */
export async function run({ seed = 1, runs = 10, mutate = false }: CommandOptions): Promise<Result> {
  // First, for a world counts only where the oracle sees.
  const leakControl = mutate ? {} : await controlLeaks(seed)
  const isBlind = Object.values(leakControl).includes(0)
  const keep = mutate || isBlind ? () => {} : addToLedger
  const guards = mutate ? { dropsSeen: false, looksBehind: false, waitsForCause: false, holdsIds: false, replaysAll: false } : {}
  const worlds = new Map<boolean, LiveWorld>()
  const outcomes: SeededOutcome[] = []
  try {
    for (let index = 0; index < runs; index++) {
      const hasProcesses = !mutate && index % KILL_EVERY === KILL_EVERY - 1
      const world = worlds.get(hasProcesses) ?? (await openLiveWorld(hasProcesses ? { hasProcesses } : { edgeOptions: { guards } }))
      worlds.set(hasProcesses, world)
      const outcome = await runSeed(world, seed + index * SEED_STEP)
      outcomes.push(outcome)
      // As it ends: what was done stays when a later one is stopped.
      keep(outcome)
    }
  } finally {
    for (const world of worlds.values()) await world.close()
  }
  const outcome = totalOf(outcomes)
  const isWrong = outcome.mismatches + outcome.leaks > 0
  const failed = mutate ? !isWrong : isWrong || isBlind
  return { name: 'live', ...outcome, leakControl, ledger: readLedger(), failed }
}

interface SeededOutcome extends LiveOutcome {
  seed: number
}

async function runSeed(world: LiveWorld, seed: number): Promise<SeededOutcome> {
  const outcome = await runLive(world, createRandom(seed), WHOLE_RUN)
  const { cases, mismatches, leaks } = outcome
  progress(`seed ${seed}${world.restartRedis === undefined ? '' : ' (killed)'}: ${cases} comparisons, ${mismatches} mismatches, ${leaks} leaks`)
  return { seed, ...outcome }
}

function totalOf(outcomes: readonly LiveOutcome[]): LiveOutcome {
  const sum = (of: (outcome: LiveOutcome) => number): number => outcomes.reduce((total, outcome) => total + of(outcome), 0)
  return { cases: sum(({ cases }) => cases), mismatches: sum(({ mismatches }) => mismatches), leaks: sum(({ leaks }) => leaks) }
}

/** One protection at a time is switched off: the oracle must see it. */
async function controlLeaks(seed: number): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for (const [name, guard] of Object.entries(PROTECTIONS)) {
    await inWorld({ edgeOptions: { guards: { [guard]: false } } }, async (world) => {
      let leaks = 0
      for (let index = 0; index < MAX_CONTROL_RUNS && leaks === 0; index++) {
        leaks += (await runLive(world, createRandom(seed + index), { ...CONTROL_RUN, isCompared: false })).leaks
      }
      found[name] = leaks
    })
    progress(`without ${name}: ${found[name]} leaks`)
  }
  return found
}

async function inWorld(options: LiveWorldOptions, use: (world: LiveWorld) => Promise<void>): Promise<void> {
  const world = await openLiveWorld(options)
  try {
    await use(world)
  } finally {
    await world.close()
  }
}

/** One line for each world. */
type LedgerLine = Pick<SeededOutcome, 'seed' | 'cases'>

function ledgerFile(): string {
  const directory = join(cacheDirectory(), 'fuzz')
  mkdirSync(directory, { recursive: true })
  return join(directory, 'live-worlds.jsonl')
}

function addToLedger({ seed, cases, mismatches, leaks }: SeededOutcome): void {
  if (mismatches + leaks === 0) appendFileSync(ledgerFile(), `${JSON.stringify({ seed, cases } satisfies LedgerLine)}\n`)
}

/** A world that was made twice counts once. */
function readLedger(): Result['ledger'] {
  let text = ''
  try {
    text = readFileSync(ledgerFile(), 'utf8')
  } catch {
    // Nothing was kept yet.
  }
  const lines = text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as LedgerLine]))
  const casesBySeed = new Map(lines.map(({ seed, cases }) => [seed, cases]))
  return { runs: casesBySeed.size, cases: [...casesBySeed.values()].reduce((total, cases) => total + cases, 0) }
}
