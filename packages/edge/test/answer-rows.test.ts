import { deserialize } from '@zenstackhq/client-helpers/fetch'
import { LIMITS, LiveError, type Limits } from '@zenstack-live/protocol'
import { describe, expect, it } from 'vitest'
import type { EdgeContext } from '../src/edge-context.ts'
import { rowsOfAnswer } from '../src/queries/answer-rows.ts'
import type { PlannedQuery } from '../src/queries/plan-query.ts'
import { serializeResult } from '../src/requests/serialize-result.ts'

it('shows bytes of aggregates, which ZenStack leaves as the driver gave them, in the form that readers know', () => {
  const context = { limits: LIMITS } as unknown as EdgeContext
  const planned = { shape: 'value' } as unknown as PlannedQuery
  const groups = [{ digest: Buffer.from([0, 255]), _min: { digest: Buffer.from([]), at: new Date(0) }, _count: 2 }]
  const result = rowsOfAnswer(context, planned, groups)
  const { data, meta } = serializeResult(result.shape === 'value' && result.value)
  expect(deserialize(data, meta as never)).toEqual([
    { digest: new Uint8Array([0, 255]), _min: { digest: new Uint8Array(), at: new Date(0) }, _count: 2 },
  ])
})

describe('an answer', () => {
  const note = { relations: new Map() }
  const model = { relations: new Map([['notes', { name: 'notes', model: 'Note' }]]) }
  const data = { models: new Map([['Note', note]]) }
  const keys = { sign: () => 'key' }
  const question = { model: 'User', operation: 'findMany' }

  /** How many rows are taken of so many, each with a list of so many; or why they are not. */
  const taken = (limits: Partial<Limits>, count: number, listed = 0): unknown => {
    // Only what it uses.
    const context = { limits: { ...LIMITS, ...limits }, data, keys } as unknown as EdgeContext
    const planned = { shape: 'rows', model, question, hiddenFields: new Set() } as unknown as PlannedQuery
    try {
      const result = rowsOfAnswer(
        context,
        planned,
        Array.from({ length: count }, () => ({ notes: Array.from({ length: listed }, () => ({})) })),
      )
      return result.shape === 'rows' && result.rows.length
    } catch (error) {
      return error instanceof LiveError && error.code
    }
  }

  it('has no more than maxSnapshotRows rows, and none of its lists has', () => {
    const limits = { maxSnapshotRows: 3 }
    expect([taken(limits, 3), taken(limits, 4)]).toEqual([3, 'row_limit'])
    expect([taken(limits, 2, 3), taken(limits, 2, 4)]).toEqual([2, 'row_limit'])
  })

  it('has no more than maxSnapshotRows groups', () => {
    const context = { limits: { ...LIMITS, maxSnapshotRows: 3 } } as unknown as EdgeContext
    const planned = { shape: 'value', question } as unknown as PlannedQuery
    expect(rowsOfAnswer(context, planned, [{}, {}, {}])).toEqual({ shape: 'value', value: [{}, {}, {}] })
    expect(() => rowsOfAnswer(context, planned, [{}, {}, {}, {}])).toThrow(expect.objectContaining({ code: 'row_limit' }))
  })

  it('has no more than maxRelatedRows rows in all of its lists', () => {
    expect([taken({ maxRelatedRows: 6 }, 2, 3), taken({ maxRelatedRows: 5 }, 2, 3)]).toEqual([2, 'row_limit'])
  })
})
