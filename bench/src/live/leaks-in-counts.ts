import type { Frame } from '@zenstack-live/protocol'
import type { SchemaDef } from '@zenstackhq/schema'
import type { AskedQuery } from './client-network.ts'
import { recordsIn, valuesIn } from './frame-rows.ts'
import { fieldOf } from './rows-in.ts'

/** By what the counts of one frame are judged. */
export interface CountLeaksOptions {
  readonly schema: SchemaDef
  readonly query: AskedQuery
  /** The most rows of a model that the reader could read at once; `isInside`: in other rows. */
  mostRows(model: string, isInside: boolean): number
}

const COUNTS = '_count'

/** What a frame counts that nobody could: more rows than there were to be read, or what is no count. In words. */
export function leaksInCounts(frame: Frame, { schema, query, mostRows }: CountLeaksOptions): string[] {
  const { model, operation } = query
  const over = (of: string, counts: readonly unknown[], isInside = false): string[] =>
    counts.flatMap((count) => {
      if (!isCount(count)) return [`${JSON.stringify(count)} in the place of how many rows of ${of}`]
      const most = mostRows(of, isInside)
      return count > most ? [`${count} rows of ${of} where there were ${most},`] : []
    })
  return [
    ...valuesIn(frame).flatMap((value) => {
      if (operation === 'exists' && typeof value !== 'boolean') return [`${JSON.stringify(value)} in the place of whether there is a ${model}`]
      return over(model, countsOf(value, operation))
    }),
    ...recordsIn(frame).flatMap((record) => relationCounts(schema, model, record).flatMap(([of, count]) => over(of, [count], true))),
  ]
}

function isCount(count: unknown): count is number {
  return Number.isSafeInteger(count) && Number(count) >= 0
}

/** Of groups, all together: each row is in one. */
function countsOf(value: unknown, operation: string): unknown[] {
  if (operation === 'exists') return [Number(value)]
  if (operation === 'count') return byField(value)
  const counts = [value].flat().map((record: unknown) => byField(Reflect.get(Object(record) as object, COUNTS) ?? 0))
  const wrong = counts.flat().filter((count) => !isCount(count))
  return [...wrong, counts.reduce((total, each) => total + Math.max(0, ...each.filter(isCount)), 0)]
}

/** `{ _all: 2 }`, or one number. */
function byField(count: unknown): unknown[] {
  return typeof count === 'object' && count !== null ? Object.values(count) : [count]
}

/** How many related rows a row counts, and those inside it, each with the model of what is counted. */
function relationCounts(schema: SchemaDef, model: string, record: unknown): [model: string, count: unknown][] {
  return Object.entries(Object(record) as object).flatMap(([name, value]: [string, unknown]): [string, unknown][] => {
    if (name === COUNTS) {
      const counts: [string, unknown][] = Object.entries(Object(value) as object)
      return counts.map(([relation, count]) => [fieldOf(schema, model, relation)?.type ?? relation, count])
    }
    const field = fieldOf(schema, model, name)
    return field?.relation === undefined ? [] : [value].flat().flatMap((one) => relationCounts(schema, field.type, one))
  })
}
