export type { AccessAnswer } from './access-answer.ts'
export { parseChangeEnvelope, type ChangeEnvelope, type ChangeOperation, type ChangeSource, type RawRow } from './change-envelope.ts'
export { decodeFrame } from './decode-frame.ts'
export { encodeFrame, encodeIdBlock, encodeRetry } from './encode-frame.ts'
export { compareEntryIds, entryIdMajor, epochOfEntryId, FIRST_ENTRY_ID, isEntryId, makeEntryId, parseEntryId, type EntryId } from './entry-id.ts'
export { ERROR_CODES, type ErrorBody, type ErrorCode, type ErrorCodeFacts } from './error-codes.ts'
export { errorCodeOf, LiveError, ProtocolError } from './errors.ts'
export type {
  AuthExpiredFrame,
  ByeFrame,
  ChangeFrame,
  ChangesFrame,
  Engine,
  ErrorFrame,
  Frame,
  ReadyFrame,
  ResetFrame,
  ResetReason,
  ResultOperation,
  ResultShape,
  RowChange,
  RowKey,
  SnapshotFrame,
  SnapshotRow,
} from './frame.ts'
export type { JsonAnswer, JsonResume } from './json-answer.ts'
export { LIMITS, type Limits } from './limits.ts'
export type { JsonPatchOperation, LiveProjectionReader, LiveProjectionSource, ProjectionFrame, StopSignal } from './live-projection.ts'
export type { BulkEntry, ChangeEntry, EpochEntry, LogBatch, LogEntry, ProgressEntry } from './log-entry.ts'
export { formatLsn, parseLsn, readLsn, type Lsn } from './lsn.ts'
export { positionLsn } from './position-lsn.ts'
export {
  decodeProjectionFrame,
  encodeProjectionFrame,
  type ProjectionAnswer,
  type ProjectionPatchFrame,
  type ProjectionSnapshotFrame,
  type ProjectionStreamFrame,
} from './projection-frame.ts'
export { LIVE_OPERATIONS, queryId, queryText, type Encoded, type LiveOperation, type LiveRequestBody, type QueryId, type WireQuery } from './query.ts'
export { createSseDecoder, type SseBlock, type SseDecoder } from './sse-decoder.ts'
export {
  ACCESS_PARAMETER,
  CHANGES_SEGMENT,
  COMMIT_POSITION_HEADER,
  LAST_EVENT_ID_HEADER,
  LAST_EVENT_ID_PARAMETER,
  META_PARAMETER,
  PROJECTIONS_SEGMENT,
  QUERY_PARAMETER,
  WIRE_VERSION,
} from './wire-names.ts'
