import type { compileRowPlan, createInterestIndex, interestOfQuery, KeySet, transition } from '@zenstack-live/access'
import { judgeCase, type Case } from './judge-case.ts'
import { judgeChange, type ChangeCase } from './judge-change.ts'

/** What the fuzzers use of `@zenstack-live/access`; mutants have the same shape. */
export interface Access {
  readonly compileRowPlan: typeof compileRowPlan
  readonly KeySet: typeof KeySet
  readonly createInterestIndex: typeof createInterestIndex
  readonly interestOfQuery: typeof interestOfQuery
  readonly transition: typeof transition
}

/** About rows as they are, or about what became of them. */
export type Question = Case | ChangeCase

export interface Judgement {
  decided: number
  asked: number
  /** Where ZenStack's statement failed. */
  errors: number
  readonly mismatches: string[]
}

export function judgeQuestion(access: Access, question: Question): Judgement {
  return 'changes' in question ? judgeChange(access, question) : judgeCase(access, question)
}
