/** Version of the wire format described in `docs/protocol.md`. */
export const WIRE_VERSION = 1

/** Request header and query parameter that say where to go on. */
export const LAST_EVENT_ID_HEADER = 'last-event-id'
export const LAST_EVENT_ID_PARAMETER = 'lastEventId'

/** Response header of a mutation: the LSN that the stream will have passed once it holds the mutation's effects. */
export const COMMIT_POSITION_HEADER = 'x-zenstack-live-commit'

/** Query parameters of `GET {base}/{model}/{operation}`, as in ZenStack's RPC. */
export const QUERY_PARAMETER = 'q'
export const META_PARAMETER = 'meta'
/** Query parameter of the same URL that lets a stream in by a ticket, where no header can be sent. */
export const ACCESS_PARAMETER = 'access'

/** Path segments below the base that are not models. */
export const CHANGES_SEGMENT = '$changes'
export const PROJECTIONS_SEGMENT = '$projections'
