import type { InterestContext, ListableKeySets, RowPlan } from '@zenstack-live/access'
import type { DataModel, StoredRow } from '@zenstack-live/model'
import type { Access, Judgement } from './judge-question.ts'
import { show } from './show.ts'

/** One question that the database has answered, and the rows it was asked about. */
export interface Case {
  readonly data: DataModel
  readonly model: string
  readonly where: unknown
  readonly auth: Readonly<Record<string, unknown>> | null
  readonly now: number
  /** Keys of the rows that ZenStack returned, or that it failed. */
  readonly expected: ReadonlySet<string> | 'error'
  readonly rows: readonly KeyedRow[]
  /** What the question is made of, for the coverage. */
  readonly uses: readonly string[]
  readonly keySets?: (access: Access, plan: RowPlan) => ListableKeySets
  /** How to say it in a report. */
  readonly title: string
}

export interface KeyedRow {
  readonly key: string
  readonly row: StoredRow
}

/** Lets memory answer the same question for every row and compares. The interest index must find every row that is part of the answer. */
export function judgeCase(access: Access, question: Case): Judgement {
  const plan = planOf(access, question)
  const context = contextOf(access, question, plan)
  const isFound = finder(access, question, plan, context)
  const judgement: Judgement = { decided: 0, asked: 0, errors: question.expected === 'error' ? question.rows.length : 0, mismatches: [] }
  for (const { key, row } of question.rows) {
    const verdict = plan.decide(row, context)
    if (verdict === 'ask-database') judgement.asked++
    else {
      judgement.decided++
      const expected = question.expected === 'error' ? 'error' : question.expected.has(key)
      const isLost = verdict && !isFound(null, row)
      if (verdict !== expected || isLost) {
        const said = isLost ? 'the index does not find it' : `ZenStack ${String(expected)}, memory ${String(verdict)}`
        judgement.mismatches.push(`${question.title} row ${key}: ${said}\n    ${describeRow(row, plan)}`)
      }
    }
  }
  return judgement
}

export function planOf(access: Access, { data, model, where }: Case): RowPlan {
  return access.compileRowPlan(data, { model, where, isPolicyOn: true })
}

export function contextOf(access: Access, { auth, now, keySets }: Case, plan: RowPlan): InterestContext {
  return keySets === undefined ? { auth, now } : { auth, now, keySets: keySets(access, plan) }
}

/** Whether the index finds the question by a change. */
export function finder(
  access: Access,
  { data, model, where }: Case,
  plan: RowPlan,
  context: InterestContext,
): (before: StoredRow | null, after: StoredRow | null) => boolean {
  const index = access.createInterestIndex<RowPlan>()
  index.add(plan.model, access.interestOfQuery(data, { model, where, isPolicyOn: true, context }), plan)
  return (before, after) => {
    let isFound = false
    index.match(plan.model, before, after, () => void (isFound = true))
    return isFound
  }
}

export function describeRow(row: StoredRow, plan: RowPlan): string {
  return [...plan.fields].map((name) => `${name}=${show(row[name])}`).join(' ')
}
