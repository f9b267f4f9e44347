import { errorCodeOf } from '@zenstack-live/protocol'
import type { PlannedQuery } from '../queries/plan-query.ts'
import type { Transaction } from '../log/transaction.ts'

/*
 * One trace for each commit, from its own timestamp on:
 *
 *   zenstack_live.commit          commit ────────────────────────────────► written to the last socket
 *     ├ zenstack_live.capture     commit ──► taken from the write-ahead log
 *     ├ zenstack_live.log                    └──► read by this edge
 *     ├ zenstack_live.decide                      ├──► matched and authorized, for all queries
 *     ├ zenstack_live.write                              └──► written
 *     └ zenstack_live.requery                     └────────────► the database answered (one for each query; may end later)
 *
 * Names, numbers and places only: never rows, arguments or who somebody is.
 */

/**
 * What of `@opentelemetry/api` an edge uses: `import * as openTelemetry from '@opentelemetry/api'` fits.
 *
 * @see https://opentelemetry.io/docs/languages/js/
 */
export interface OpenTelemetryApi {
  readonly ROOT_CONTEXT: Context
  readonly trace: {
    getTracer(name: string): LiveTracer
    setSpan(context: Context, span: LiveSpan): Context
  }
}

/** What a span's parent is told by. */
interface Context {
  getValue(key: symbol): unknown
  setValue(key: symbol, value: unknown): Context
  deleteValue(key: symbol): Context
}

interface LiveTracer {
  startSpan(name: string, options: SpanOptions, context: Context): LiveSpan
}

interface SpanOptions {
  startTime: number
  attributes?: Record<string, string | number>
  links?: { context: { traceId: string; spanId: string; traceFlags: number } }[]
}

/** A span of OpenTelemetry. Times are milliseconds since 1970. */
interface LiveSpan {
  spanContext(): { traceId: string; spanId: string; traceFlags: number }
  setAttribute(name: string, value: string | number): unknown
  setStatus(status: { code: number; message?: string }): unknown
  isRecording(): boolean
  end(timeMs?: number): void
}

/** Turns what an edge does into spans, where the tracer's sampler wants it. */
export interface Tracing {
  /** A transaction was read from the log, and will now be decided. */
  begin(transaction: Transaction, readAtMs: number): void
  /** It was, for so many queries; its frames will now be written. */
  decided(transaction: Transaction, fromMs: number, queriesConcerned: number): void
  /** All that was decided in one turn was written. */
  written(fromMs: number): void
  /** A query is asked again. `undefined` where nothing that caused it is traced. */
  requery(planned: PlannedQuery, causes: readonly Transaction[]): RequerySpan | undefined
}

export interface RequerySpan {
  /** `delivered`; or why not: `too-early` had not seen its cause, `stale` came after continuity had ended. */
  end(outcome: 'delivered' | 'too-early' | 'stale'): void
  fail(error: unknown): void
}

const TRACER = 'zenstack-live'
/** `SpanStatusCode.ERROR`. */
const ERROR = 2

/** @param now - milliseconds since 1970, with a fraction */
export function createTracing({ trace, ROOT_CONTEXT }: OpenTelemetryApi, now: () => number = wallClock): Tracing {
  const tracer = trace.getTracer(TRACER)
  const commits = new WeakMap<Transaction, LiveSpan>()
  let unwritten: LiveSpan[] = []

  const child = (parent: LiveSpan, name: string, startTime: number, options: Omit<SpanOptions, 'startTime'> = {}): LiveSpan =>
    tracer.startSpan(`zenstack_live.${name}`, { startTime, ...options }, trace.setSpan(ROOT_CONTEXT, parent))

  return {
    begin(transaction, readAtMs) {
      // Marks of schema changes have no time of their own. Clocks of two machines may differ: nothing begins after it was read.
      const committedAtMs = Math.min(readAtMs, transaction.committedAtMs || readAtMs)
      const span = tracer.startSpan('zenstack_live.commit', { startTime: committedAtMs, attributes: attributesOf(transaction) }, ROOT_CONTEXT)
      if (!span.isRecording()) return
      commits.set(transaction, span)
      const capturedAtMs = Math.min(readAtMs, Math.max(committedAtMs, transaction.capturedAtMs || readAtMs))
      child(span, 'capture', committedAtMs).end(capturedAtMs)
      child(span, 'log', capturedAtMs).end(readAtMs)
    },
    decided(transaction, fromMs, queriesConcerned) {
      const span = commits.get(transaction)
      if (span === undefined) return
      span.setAttribute('zenstack_live.queries_concerned', queriesConcerned)
      child(span, 'decide', fromMs).end(now())
      unwritten.push(span)
    },
    written(fromMs) {
      if (unwritten.length === 0) return
      const atMs = now()
      for (const span of unwritten) {
        child(span, 'write', fromMs).end(atMs)
        span.end(atMs)
      }
      unwritten = []
    },
    requery(planned, causes) {
      const [first, ...others] = causes.flatMap((cause) => commits.get(cause) ?? [])
      if (first === undefined) return undefined
      const attributes = {
        'zenstack_live.model': planned.model.name,
        'zenstack_live.operation': planned.question.operation,
        'zenstack_live.query': planned.q,
        'zenstack_live.causes': causes.length,
      }
      const span = child(first, 'requery', now(), { attributes, links: others.map((other) => ({ context: other.spanContext() })) })
      return {
        end(outcome) {
          span.setAttribute('zenstack_live.outcome', outcome)
          span.end(now())
        },
        fail(error) {
          span.setStatus({ code: ERROR, message: errorCodeOf(error) })
          span.end(now())
        },
      }
    },
  }
}

/** Milliseconds since 1970, with a fraction. */
export function wallClock(): number {
  return performance.timeOrigin + performance.now()
}

function attributesOf({ place, xid, tables }: Transaction): Record<string, string | number> {
  return { 'zenstack_live.entry': place.entry, 'zenstack_live.xid': xid, 'zenstack_live.tables': [...tables].toSorted().join() }
}
