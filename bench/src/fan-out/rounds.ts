import { progress } from '../command.ts'
import { median } from '../quantile.ts'
import type { Segment, Stage } from './stage.ts'

/** What each server needed in each round. */
export interface Rounds {
  readonly stages: readonly Stage[]
  cpuUs(name: string): number[]
  coalescedCpuUs(name: string): number[]
  lastArrivalMs(name: string): number[]
  /** One server's cost in units of another's, round by round. */
  ratios(name: string, to: string): number[]
  /** The cost of an event that travels with seven others, in units of one that travels alone. */
  coalescedRatios(name: string): number[]
}

interface Round {
  alone: Segment
  together: Segment
}

const DELIVERIES = 20_000
/** Before anything counts: until code that runs once for an event has been compiled, too. Servers stay up for days. */
const WARM_UP_DELIVERIES = 400_000
const TOGETHER = 8

/** Lets the servers take turns, once they are warm; the first round does not count. */
export async function measureRounds(stages: readonly Stage[], rounds: number): Promise<Rounds> {
  const measured = new Map<string, Round[]>(stages.map((stage) => [stage.name, []]))
  for (const stage of stages) await stage.measure({ deliveries: WARM_UP_DELIVERIES, together: 1 })
  for (let round = 0; round <= rounds; round++) {
    // Whoever goes first is another one each time.
    const first = round % stages.length
    for (const stage of [...stages.slice(first), ...stages.slice(0, first)]) {
      const alone = await stage.measure({ deliveries: DELIVERIES, together: 1 })
      const together = await stage.measure({ deliveries: 2 * DELIVERIES, together: TOGETHER })
      if (round > 0) measured.get(stage.name)?.push({ alone, together })
    }
    progress(
      `${stages[0]?.connections} connections, ${round === 0 ? 'warm-up' : `round ${round} of ${rounds}`}: ${stages.map((stage) => `${stage.name} ${describe(measured.get(stage.name))}`).join(', ')}`,
    )
  }
  const all = (name: string, of: (round: Round) => number): number[] => (measured.get(name) ?? []).map(of)
  const cpuUs = (name: string): number[] => all(name, ({ alone }) => alone.cpuUs)
  return {
    stages,
    cpuUs,
    coalescedCpuUs: (name) => all(name, ({ together }) => together.cpuUs),
    lastArrivalMs: (name) => all(name, ({ alone }) => alone.lastArrivalMs),
    ratios(name, to) {
      const others = cpuUs(to)
      return cpuUs(name).map((value, round) => value / (others[round] ?? Number.NaN))
    },
    coalescedRatios: (name) => all(name, ({ alone, together }) => together.cpuUs / alone.cpuUs),
  }
}

function describe(rounds: readonly Round[] | undefined): string {
  const last = rounds?.at(-1)
  if (rounds === undefined || last === undefined) return '…'
  return `${last.alone.cpuUs.toFixed(1)} µs (median ${median(rounds.map(({ alone }) => alone.cpuUs)).toFixed(1)})`
}
