import type { RequestContext } from '@zenstack-live/edge'
import { queryId, type LiveRequestBody, type WireQuery } from '@zenstack-live/protocol'
import type { LoadStage } from '../live-load/stage.ts'
import { readFrames } from './read-frames.ts'

/** What the server itself gave out, to who asks and to somebody else, to be bent. */
export interface Genuine {
  readonly positions: readonly string[]
  readonly tickets: readonly string[]
  /** What the same person was given for the URL's query. Another's is left alone: whoever holds it may read with it. */
  readonly access: string
  /** How somebody else would go on with what they look at. */
  readonly stolen: Required<LiveRequestBody>
}

/** Who asks, as the edge is told. */
export type Credentials = Omit<RequestContext, 'path'>

/** Kept right in all ways that there are, and with keys that do not show. */
const LOOKED_AT: readonly WireQuery[] = [
  { model: 'Note', operation: 'findMany' },
  { model: 'Note', operation: 'findMany', args: { select: { rank: true } } },
  { model: 'Note', operation: 'count' },
  { model: 'Note', operation: '$changes' },
  { model: 'Task', operation: 'findMany' },
  { model: 'Task', operation: 'findMany', args: { orderBy: { id: 'asc' }, take: 2 } },
  { model: 'Task', operation: '$changes', args: { created: {}, updated: {} } },
]

/**
 * @param own - of who may read nothing
 * @param others - of who may read all that is looked at
 */
export async function genuineTexts(stage: LoadStage, own: Credentials, others: Credentials): Promise<Genuine> {
  const { position, ticket, access } = await ownTexts(stage, own)
  const stolen = await openAndLeave(stage, others)
  return { positions: [position, stolen.lastEventId], tickets: [ticket, ...stolen.queries.flatMap((query) => query.ticket ?? [])], access, stolen }
}

async function ownTexts({ edge }: LoadStage, credentials: Credentials): Promise<{ position: string; ticket: string; access: string }> {
  const ask = (init: RequestInit): Promise<Response> =>
    edge.handle(new Request('http://live.test/api/live/note/findMany', init), { path: '/note/findMany', ...credentials })
  const response = await ask({ headers: { accept: 'application/json' } })
  const { access } = (await (await ask({ method: 'POST' })).json()) as { access: string }
  const { position, ticket, data } = (await response.json()) as { position: string; ticket: string; data: unknown[] }
  if (data.length > 0) throw new Error('Somebody who may read nothing read something.')
  return { position, ticket, access }
}

async function openAndLeave({ edge }: LoadStage, credentials: Credentials): Promise<Required<LiveRequestBody>> {
  const body = JSON.stringify({ queries: LOOKED_AT })
  const headers = { accept: 'text/event-stream' }
  const response = await edge.handle(new Request('http://live.test/api/live', { method: 'POST', headers, body }), { path: '', ...credentials })
  const { frames, lastEventId } = await readFrames(response, LOOKED_AT.length)
  const tickets = new Map(frames.flatMap((frame) => (frame.event === 'ready' ? [[frame.q, frame.ticket] as const] : [])))
  if (tickets.size < LOOKED_AT.length) throw new Error('Somebody who may read all that is there was refused.')
  return { lastEventId, queries: LOOKED_AT.map((query) => ({ ...query, ticket: tickets.get(queryId(query)) ?? '' })) }
}
