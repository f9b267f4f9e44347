import { LAST_EVENT_ID_HEADER, LAST_EVENT_ID_PARAMETER, type Limits } from '@zenstack-live/protocol'

/** Where a `GET` says it was: in the header that `EventSource` sends, or in the URL for the first time. */
export function lastEventIdOf(request: Request, limits: Limits): string | undefined {
  return boundedPosition(request.headers.get(LAST_EVENT_ID_HEADER) ?? new URL(request.url).searchParams.get(LAST_EVENT_ID_PARAMETER), limits)
}

/** A position that is too long is a wrong one like any other, and never an error: `EventSource` would not come back from that. */
export function boundedPosition(text: string | null, { maxPositionBytes }: Limits): string | undefined {
  return text === null || text === '' ? undefined : text.slice(0, maxPositionBytes + 1)
}
