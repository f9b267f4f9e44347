import { deserialize } from '@zenstackhq/client-helpers/fetch'
import { LIMITS } from '@zenstack-live/protocol'
import { expect, it } from 'vitest'
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
