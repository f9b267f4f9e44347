import type { compileRowPlan, createInterestIndex, InterestContext, interestOfQuery, KeySet, ListableKeySets, RowPlan } from '@zenstack-live/access'
import { Decimal } from 'decimal.js'
import type { DataModel, StoredRow } from '@zenstack-live/model'

/** What the fuzzers use of `@zenstack-live/access`; mutants have the same shape. */
export interface Access {
  readonly compileRowPlan: typeof compileRowPlan
  readonly KeySet: typeof KeySet
  readonly createInterestIndex: typeof createInterestIndex
  readonly interestOfQuery: typeof interestOfQuery
}

/** One question that the database has answered, and the rows it was asked about. */
export interface Case {
  readonly data: DataModel
  readonly model: string
  readonly where: unknown
  readonly auth: Readonly<Record<string, unknown>> | null
  readonly now: number
  /** Keys of the rows that ZenStack returned, or that it failed. */
  readonly expected: ReadonlySet<string> | 'error'
  readonly rows: readonly { readonly key: string; readonly row: StoredRow }[]
  /** What the question is made of, for the coverage. */
  readonly uses: readonly string[]
  readonly keySets?: (access: Access, plan: RowPlan) => ListableKeySets
  /** How to say it in a report. */
  readonly title: string
}

export interface Judgement {
  decided: number
  asked: number
  readonly mismatches: string[]
}

/** Lets memory answer the same question for every row and compares. The interest index must find every row that is part of the answer. */
export function judge(access: Access, question: Case): Judgement {
  const plan = access.compileRowPlan(question.data, { model: question.model, where: question.where, isPolicyOn: true })
  const keySets = question.keySets?.(access, plan)
  const context = { auth: question.auth, now: question.now, ...(keySets === undefined ? {} : { keySets }) }
  const isFound = finder(access, question, plan, context)
  const judgement: Judgement = { decided: 0, asked: 0, mismatches: [] }
  for (const { key, row } of question.rows) {
    const verdict = plan.decide(row, context)
    if (verdict === 'ask-database') judgement.asked++
    else {
      judgement.decided++
      const expected = question.expected === 'error' ? 'error' : question.expected.has(key)
      const isLost = verdict && !isFound(row)
      if (verdict !== expected || isLost) {
        const said = isLost ? 'the index does not find it' : `ZenStack ${String(expected)}, memory ${String(verdict)}`
        judgement.mismatches.push(`${question.title} row ${key}: ${said}\n    ${describeRow(row, plan)}`)
      }
    }
  }
  return judgement
}

function finder(access: Access, { data, model, where }: Case, plan: RowPlan, context: InterestContext): (row: StoredRow) => boolean {
  const index = access.createInterestIndex<RowPlan>()
  index.add(plan.model, access.interestOfQuery(data, { model, where, isPolicyOn: true, context }), plan)
  return (row) => {
    let isFound = false
    index.match(plan.model, null, row, () => void (isFound = true))
    return isFound
  }
}

function describeRow(row: StoredRow, plan: RowPlan): string {
  return [...plan.fields].map((name) => `${name}=${show(row[name])}`).join(' ')
}

/** Values in a form that says their type. */
export function show(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  if (value instanceof Date) return `Date(${Number.isNaN(value.getTime()) ? 'invalid' : value.toISOString()})`
  if (typeof value === 'string') return JSON.stringify(value)
  if (value instanceof Uint8Array) return `x${Buffer.from(value).toString('hex')}`
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    if ('text' in value && typeof value.text === 'string') return `json(${value.text})`
    if (Decimal.isDecimal(value)) return `Decimal(${value.toString()})`
    if (Object.getPrototypeOf(value) !== Object.prototype) return value.constructor.name
    return `{ ${Object.entries(value)
      .map(([name, each]) => `${name}: ${show(each)}`)
      .join(', ')} }`
  }
  return String(value)
}
