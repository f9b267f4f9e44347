export type { AppendBatch, ChangeLog, Continuity, LogState, ReadOptions, Retention, TailOptions, TrimReport, WholePart } from './change-log.ts'
export type {
  AcquireOptions,
  DeadLetter,
  DurableReaders,
  HeldReader,
  ReaderInfo,
  ReaderLease,
  ReaderLineage,
  ReaderRecord,
  ReaderUpdate,
  ReplacedReader,
  SaveReport,
} from './durable-readers.ts'
export type { LogNotes } from './log-notes.ts'
export { openEmbeddedLog, type EmbeddedLogOptions } from './embedded/embedded-log.ts'
export { nextEntryId, splitEntryId, transactionStart } from './entry-id-parts.ts'
export { ChangeLogError, type ChangeLogErrorCode } from './errors.ts'
export { CHANGE_LOG_LIMITS, type ChangeLogLimits } from './limits.ts'
export { openRedisLog } from './redis/redis-log.ts'
export { DEFAULT_LOG_NAME, type RedisLogOptions } from './redis/redis-options.ts'
