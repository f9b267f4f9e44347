import { decodeData } from './decode-data.ts'
import type { AuthExpiredFrame, ByeFrame, ErrorFrame } from './frame.ts'
import type { JsonPatchOperation } from './live-projection.ts'

/** The whole state. Replaces what was there. */
export interface ProjectionSnapshotFrame {
  event: 'snapshot'
  position: number
  state: unknown
}

/** What makes the state at `to` of the state at `from`. It fits no other state. */
export interface ProjectionPatchFrame {
  event: 'patch'
  from: number
  to: number
  patch: readonly JsonPatchOperation[]
}

/** What `{base}/$projections/{name}/{id}` sends. */
export type ProjectionStreamFrame = ProjectionSnapshotFrame | ProjectionPatchFrame | ErrorFrame | AuthExpiredFrame | ByeFrame

/** Body of the same address with `Accept: application/json`. */
export interface ProjectionAnswer {
  data: unknown
  /** Resumes a stream of this projection. */
  position: string
}

const EVENTS: Record<ProjectionStreamFrame['event'], true> = { snapshot: true, patch: true, error: true, 'auth-expired': true, bye: true }

/** The frame as a block of Server-Sent Events, with the id that resumes after it. */
export function encodeProjectionFrame(frame: ProjectionStreamFrame, position?: string): string {
  const { event, ...data } = frame
  return `${position === undefined ? '' : `id: ${position}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}

/**
 * The frame in a block; `undefined` for an event this version does not know.
 *
 * @throws {ProtocolError} `bad_json` when the data is not a JSON object.
 */
export function decodeProjectionFrame(event: string, data: string): ProjectionStreamFrame | undefined {
  if (!Object.hasOwn(EVENTS, event)) return undefined
  // Version 1 of the wire: the server that made it follows the types above.
  return { event, ...decodeData(event, data) } as ProjectionStreamFrame
}
