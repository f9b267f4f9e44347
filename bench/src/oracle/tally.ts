import type { CommandResult } from '../command.ts'
import { progress } from '../command.ts'
import type { Judgement, Question } from './judge-question.ts'
import { survivingMutants } from './mutants.ts'

/** Adds up what was compared. */
export interface Tally {
  readonly cases: number
  readonly asked: number
  readonly errors: number
  readonly mismatches: readonly string[]
  /** Cases decided in memory, by what they are made of. */
  readonly decidedByUse: ReadonlyMap<string, number>
  readonly casesByUse: ReadonlyMap<string, number>
  add(question: Question, judgement: Judgement): void
}

const MAX_SHOWN = 20

export function createTally(): Tally {
  let cases = 0
  let asked = 0
  let errors = 0
  const mismatches: string[] = []
  const casesByUse = new Map<string, number>()
  const decidedByUse = new Map<string, number>()
  return {
    get cases() {
      return cases
    },
    get asked() {
      return asked
    },
    get errors() {
      return errors
    },
    mismatches,
    casesByUse,
    decidedByUse,
    add(question, judgement) {
      const count = judgement.decided + judgement.asked
      cases += count
      asked += judgement.asked
      errors += judgement.errors
      for (const use of new Set(question.uses)) {
        casesByUse.set(use, (casesByUse.get(use) ?? 0) + count)
        decidedByUse.set(use, (decidedByUse.get(use) ?? 0) + judgement.decided)
      }
      const [first] = judgement.mismatches
      if (first !== undefined && mismatches.length < MAX_SHOWN) progress(first)
      mismatches.push(...judgement.mismatches)
    },
  }
}

/** @param kept - the cases, to be judged again by mutants */
export async function summarize(
  { kind, required }: { kind: 'where' | 'policy'; required: readonly string[] },
  tally: Tally,
  kept: readonly Question[] | undefined,
): Promise<CommandResult & { failed: boolean; coverage: Record<string, string>; uncovered: string[] }> {
  const uncovered = required.filter((use) => (tally.casesByUse.get(use) ?? 0) === 0)
  const survivors = kept === undefined ? undefined : await survivingMutants(kept, kind)
  const coverage = Object.fromEntries(
    [...tally.casesByUse].sort(([a], [b]) => (a < b ? -1 : 1)).map(([use, count]) => [use, `${tally.decidedByUse.get(use) ?? 0}/${count}`]),
  )
  return {
    name: `fuzz-${kind}`,
    metrics: {
      cases: tally.cases,
      mismatches: tally.mismatches.length,
      askDatabaseShare: tally.cases === 0 ? 0 : tally.asked / tally.cases,
      databaseErrorShare: tally.cases === 0 ? 0 : tally.errors / tally.cases,
      ...(survivors === undefined ? {} : { mutants: survivors.mutants, survivors: survivors.names.length }),
    },
    coverage,
    uncovered,
    failed: tally.mismatches.length > 0 || uncovered.length > 0 || (survivors?.names.length ?? 0) > 0,
    notes: [...(survivors?.names ?? []).map((survivor) => `survived: ${survivor}`), 'coverage: decided in memory / all cases'],
  }
}
