import { queryId, type LiveRequestBody, type WireQuery } from '@zenstack-live/protocol'
import { deserialize } from '@zenstackhq/client-helpers/fetch'
import type { Random } from '../random.ts'
import type { LiveWorld } from './live-world.ts'
import type { UserId } from './studio.ts'

/** One answer of an edge: for whom it was, and all that came. */
export interface Answer {
  readonly user: UserId
  readonly chunks: Chunk[]
}

export interface Chunk {
  readonly text: string
  /** How many transactions had been sent off when it came. */
  readonly begun: number
}

/** What a client asked an edge. */
export interface AskedQuery extends Pick<WireQuery, 'model' | 'operation'> {
  readonly args: Readonly<Record<string, unknown>>
  /** It does not show the id, or not to everybody. */
  readonly hidesKeys: boolean
}

/** What one client reaches the edges by, each time one or the other. All that it asks, and all that comes, is kept. */
export interface ClientNetwork {
  readonly answers: readonly Answer[]
  /** By their ids on the wire. */
  readonly asked: ReadonlyMap<string, AskedQuery>
  fetch(url: string, init?: RequestInit): Promise<Response>
  /** Cuts all connections, and reaches nobody until it is mended. */
  breakOff(): void
  mend(): void
}

/** In the place of an edge's address. */
export const ORIGIN = 'http://live.test/api/live'

export function createClientNetwork({ edges, commits, policies }: LiveWorld, random: Random): ClientNetwork {
  let cable = new AbortController()
  const answers: Answer[] = []
  const asked = new Map<string, AskedQuery>()
  return {
    answers,
    asked,
    async fetch(url, init) {
      const { base } = random.pick([...edges])
      const user = new Headers(init?.headers).get('x-user') as UserId
      for (const wire of queriesIn(init?.body)) asked.set(queryId(wire), askedQuery(wire, policies.guardedIds))
      const signal = AbortSignal.any([cable.signal, ...(init?.signal ? [init.signal] : [])])
      const response = await fetch(url.replace(ORIGIN, base), { ...init, signal })
      if (response.body === null) return response
      const answer: Answer = { user, chunks: [] }
      answers.push(answer)
      return traced(response, answer, () => commits.begun)
    },
    breakOff: () => cable.abort(),
    mend() {
      if (cable.signal.aborted) cable = new AbortController()
    },
  }
}

/** Of a request for a stream. */
function queriesIn(body: unknown): readonly WireQuery[] {
  return typeof body === 'string' ? ((JSON.parse(body) as Partial<LiveRequestBody>).queries ?? []) : []
}

function askedQuery({ model, operation, args, meta }: WireQuery, guardedIds: ReadonlySet<string>): AskedQuery {
  const given = (args === undefined ? {} : deserialize(args, meta)) as Record<string, unknown>
  const select: unknown = given['select']
  const isIdSelected = typeof select !== 'object' || select === null || 'id' in select
  return { model, operation, args: given, hidesKeys: !isIdSelected || guardedIds.has(model.toLowerCase()) }
}

function traced(response: Response, { chunks }: Answer, begun: () => number): Response {
  const decoder = new TextDecoder()
  const body = response.body?.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        chunks.push({ text: decoder.decode(chunk, { stream: true }), begun: begun() })
        controller.enqueue(chunk)
      },
    }),
  )
  return new Response(body ?? null, response)
}
