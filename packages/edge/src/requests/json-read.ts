import type { JsonAnswer, JsonResume, Lsn } from '@zenstack-live/protocol'
import { rowsOfAnswer } from '../queries/answer-rows.ts'
import type { EdgeContext } from '../edge-context.ts'
import { queryScope, type Identity } from '../identity/identity.ts'
import type { LiveRequest } from './parse-live-request.ts'
import { earlier, encodePosition, type Place } from '../log/place.ts'
import { planQuery } from '../queries/plan-query.ts'
import { serializeResult } from './serialize-result.ts'
import type { Result } from '../queries/snapshot-frames.ts'
import { encodeTicket, orderOf } from '../streams/ticket.ts'

/**
 * The answer as ZenStack's own handler gives it, `{ data, meta }`, with the position and the ticket that a stream goes on from.
 *
 * @throws {LiveError} as planning and asking do
 */
export async function answerRead(context: EdgeContext, identity: Identity, live: LiveRequest): Promise<Response> {
  const [wire] = live.queries
  if (wire === undefined) throw new TypeError('A read has one query.')
  const planned = planQuery(context, identity, wire)
  const start = context.hub.history.head
  const answer = await context.ask(identity.client, planned.question)
  const result = rowsOfAnswer(context, planned, answer.value, { exactTimes: answer.exactTimes })
  const place = earlier(context.hub.history.firstUnseen(answer.snapshot), start)
  const scope = queryScope(context.keys, identity, planned.text)
  const order = orderOf(planned.incremental === undefined ? 'requery' : 'incremental', wire.operation)
  const value = result.shape === 'value' ? result.value : result.shape === 'row' ? (result.rows[0]?.row ?? null) : result.rows.map(({ row }) => row)
  const { data, meta } = serializeResult(value)
  await passed(context, answer.horizon)
  const body: JsonAnswer = {
    data,
    ...(meta === undefined ? {} : { meta: { serialization: meta } }),
    position: encodePosition(context.placeText(place), queryScope(context.keys, identity, planned.text, order)),
    ticket: encodeTicket(context.keys, { scope, entry: place.entry, horizon: answer.horizon, follows: '', order }),
    resume: resumeOf(result, place),
  }
  return Response.json(body, { headers: { 'cache-control': 'no-store' } })
}

function resumeOf(result: Result, { entry }: Place): JsonResume {
  const { shape } = result
  if (shape === 'value') return { at: entry, shape }
  const sorts = result.rows.flatMap(({ sort }) => sort ?? [])
  return { at: entry, shape, keys: result.rows.map(({ key }) => key), ...(sorts.length === 0 ? {} : { sorts }) }
}

const MAX_WAIT_MS = 250

/** A stream that goes on from here needs the log to hold what the answer shows; when it comes at once, it need not wait. */
async function passed(context: EdgeContext, horizon: Lsn): Promise<void> {
  if (context.hub.history.head.lsn >= horizon) return
  context.nudge()
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => {
      cancel()
      resolve()
    }, MAX_WAIT_MS)
    const cancel = context.hub.whenPassed(horizon, () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
