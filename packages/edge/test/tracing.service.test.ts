import * as api from '@opentelemetry/api'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { openStream, wire } from './support/read-stream.ts'
import { startEdge, type RunningEdge } from './support/start-edge.ts'
import { createWorkspace, seedWorkspace, type Workspace } from './support/workspace.ts'

const NOTES = wire('Note', 'findMany')
const COUNT = wire('Note', 'count')

describe('spans of an edge', () => {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  // As `import * as openTelemetry from '@opentelemetry/api'`, but for the global provider, which other tests would see.
  const openTelemetry: typeof api = {
    ...api,
    trace: Object.assign(Object.create(api.trace), { getTracer: (name: string) => provider.getTracer(name) }),
  }
  let workspace: Workspace
  let running: RunningEdge

  beforeAll(async () => {
    workspace = await createWorkspace(inject('postgresUrl'))
    await seedWorkspace(workspace)
    running = await startEdge(workspace, { openTelemetry })
  })
  afterEach(() => exporter.reset())
  afterAll(async () => {
    await running.close()
    await workspace.close()
    await provider.shutdown()
  })

  const spansOf = (traceId: string | undefined, name: string): ReadableSpan[] =>
    exporter.getFinishedSpans().filter((span) => span.name === `zenstack_live.${name}` && span.spanContext().traceId === traceId)
  const commits = (): ReadableSpan[] => exporter.getFinishedSpans().filter(({ name }) => name === 'zenstack_live.commit')

  it('lead from the commit to the socket, and tell which commit made a query be asked again', async () => {
    const stream = await openStream({ base: running.base, user: 'bob', queries: [NOTES, COUNT] })
    await stream.until(() => stream.query(NOTES.q).isReady && stream.query(COUNT.q).isReady, 'ready', 30_000)
    const beforeMs = Date.now()
    await workspace.db.note.create({ data: { ownerId: 'bob', body: 'traced' } })
    await stream.until(() => stream.text.includes('traced'), 'the note', 30_000)
    const requery = await vi.waitUntil(() => exporter.getFinishedSpans().find(isDelivered), { timeout: 30_000 })
    const { traceId } = requery.spanContext()
    const commit = await vi.waitUntil(() => spansOf(traceId, 'commit')[0], { timeout: 30_000 })

    expect(commit.parentSpanContext).toBeUndefined()
    expect(msOf(commit.startTime)).toBeGreaterThanOrEqual(beforeMs - 1)
    expect(msOf(commit.startTime)).toBeLessThanOrEqual(msOf(commit.endTime))
    expect(commit.attributes).toMatchObject({ 'zenstack_live.tables': 'public.Note', 'zenstack_live.queries_concerned': 2 })
    expect(requery.attributes).toMatchObject({
      'zenstack_live.model': 'Note',
      'zenstack_live.operation': 'count',
      'zenstack_live.query': COUNT.q,
      'zenstack_live.causes': 1,
    })

    const steps = ['capture', 'log', 'decide', 'write'].map((name) => spansOf(traceId, name))
    expect(steps.map((spans) => spans.length)).toEqual([1, 1, 1, 1])
    for (const span of [...steps.flat(), requery]) expect(span.parentSpanContext?.spanId).toBe(commit.spanContext().spanId)
    // They follow each other from the commit's own timestamp to the last write.
    const times = steps.flat().flatMap((span) => [msOf(span.startTime), msOf(span.endTime)])
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(times[0]).toBe(msOf(commit.startTime))
    expect(times.at(-1)).toBe(msOf(commit.endTime))
    stream.close()
  })

  it('tell nothing of rows, arguments or people', async () => {
    const secret = wire('Note', 'findMany', { where: { body: { contains: 'classified' } } })
    const stream = await openStream({ base: running.base, user: 'bob', queries: [secret] })
    await stream.until(() => stream.query(secret.q).isReady, 'ready', 30_000)
    await workspace.db.note.create({ data: { ownerId: 'bob', body: 'classified surprise' } })
    await stream.until(() => stream.text.includes('surprise'), 'the note', 30_000)
    await vi.waitUntil(() => commits().length > 0, { timeout: 30_000 })
    const told = JSON.stringify(exporter.getFinishedSpans().map(({ name, attributes, status }) => ({ name, attributes, status })))
    expect(told).not.toMatch(/classified|surprise|bob/)
    stream.close()
  })
})

function isDelivered({ name, attributes }: ReadableSpan): boolean {
  return name === 'zenstack_live.requery' && attributes['zenstack_live.outcome'] === 'delivered'
}

function msOf([seconds, nanoseconds]: ReadableSpan['startTime']): number {
  return seconds * 1_000 + nanoseconds / 1_000_000
}
