import { ROOT_CONTEXT } from '@opentelemetry/api'
import { describe, expect, it } from 'vitest'
import type { PlannedQuery } from '../src/queries/plan-query.ts'
import { createTracing, type OpenTelemetryApi } from '../src/operations/tracing.ts'
import type { Transaction } from '../src/log/transaction.ts'

// Only what tracing looks at.
const transaction = {
  place: { entry: '1-0' },
  xid: 7,
  tables: new Set(['public.b', 'public.a']),
  committedAtMs: 100,
  capturedAtMs: 90,
} as unknown as Transaction
const planned = { q: 'q', model: { name: 'Note' }, question: { operation: 'count' } } as unknown as PlannedQuery

interface Told {
  name: string
  from: number
  to?: number
  message?: string
}

function recordingApi(isSampled: boolean): { api: OpenTelemetryApi; told: Told[] } {
  const told: Told[] = []
  const startSpan = (name: string, { startTime }: { startTime: number }) => {
    const span: Told = { name: name.replace('zenstack_live.', ''), from: startTime }
    told.push(span)
    return {
      spanContext: () => ({ traceId: 't', spanId: name, traceFlags: 1 }),
      setAttribute: () => {},
      setStatus: ({ message }: { message?: string }) => void (span.message = message ?? ''),
      isRecording: () => isSampled,
      end: (ms?: number) => void (span.to = ms ?? Number.NaN),
    }
  }
  return { told, api: { ROOT_CONTEXT, trace: { getTracer: () => ({ startSpan }), setSpan: (context) => context } } }
}

describe('createTracing', () => {
  it('makes one span of a commit that the sampler does not want, and none of its parts', () => {
    const { api, told } = recordingApi(false)
    const tracing = createTracing(api, () => 200)
    tracing.begin(transaction, 150)
    tracing.decided(transaction, 150, 3)
    tracing.written(160)
    expect(tracing.requery(planned, [transaction])).toBeUndefined()
    expect(told.map(({ name }) => name)).toEqual(['commit'])
  })

  it('never begins a span after its end, whatever the clocks of database and capture say', () => {
    const { api, told } = recordingApi(true)
    const tracing = createTracing(api, () => 60)
    // The database's clock runs ahead of this machine's, the capture's runs behind the database's.
    tracing.begin(transaction, 50)
    tracing.decided(transaction, 50, 1)
    tracing.written(55)
    expect(told).toHaveLength(5)
    for (const { from, to } of told) expect(from).toBeLessThanOrEqual(to ?? Number.NaN)
  })

  it('says why a question failed by its code, not by its message', () => {
    const { api, told } = recordingApi(true)
    const tracing = createTracing(api, () => 200)
    tracing.begin(transaction, 150)
    tracing.requery(planned, [transaction])?.fail(new Error('relation "Secret" of ann'))
    expect(told.at(-1)).toMatchObject({ name: 'requery', message: 'internal', to: 200 })
  })
})
