import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { EntryId } from '@zenstack-live/protocol'
import { parseEntryId } from '@zenstack-live/protocol'
import { splitEntryId } from '../entry-id-parts.ts'
import { ChangeLogError } from '../errors.ts'

// Ids are kept as 16 bytes, big-endian, because SQLite orders blobs byte by byte. They stand in an index of their own: rows as wide as
// envelopes inside an index spill to a page each.
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS entries (
    place INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, header TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS samples (added INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, id BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS readers (
    id TEXT PRIMARY KEY, fence INTEGER NOT NULL, owner TEXT NOT NULL, until_ms INTEGER NOT NULL, cursor TEXT, state TEXT, saved_at_ms INTEGER
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS dead_letters (
    place INTEGER PRIMARY KEY AUTOINCREMENT, reader TEXT NOT NULL, key TEXT NOT NULL, text TEXT NOT NULL, UNIQUE (reader, key)
  );
  CREATE TABLE IF NOT EXISTS lost_letters (reader TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
`

/**
 * Opens the database file of an embedded log, for this process alone.
 *
 * @throws {ChangeLogError} `log_in_use` when another process has it open
 */
export function openEmbeddedDatabase(directory: string): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    mkdirSync(directory, { recursive: true })
    database = new DatabaseSync(join(directory, 'changes.sqlite'))
    // EXCLUSIVE holds the file's lock until the process ends, however it ends.
    // NORMAL may lose the newest commits in a power cut, never the order: capture then writes them again from its slot.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA auto_vacuum = INCREMENTAL')
    database.exec(SCHEMA)
    database.prepare("INSERT OR IGNORE INTO meta VALUES ('identity', ?), ('added', '0')").run(randomUUID())
    return database
  } catch (cause) {
    database?.close()
    if (isBusy(cause)) {
      throw new ChangeLogError(
        'log_in_use',
        `The embedded log in "${directory}" is open in another process. Stop that one, or use Redis: many processes share it.`,
        { cause },
      )
    }
    throw new ChangeLogError(
      'log_unavailable',
      `The embedded log in "${directory}" cannot be opened: ${String(cause)}. Check the folder's rights and space.`,
      { cause },
    )
  }
}

export function encodeId(id: EntryId): Uint8Array {
  const { major, minor } = splitEntryId(id)
  const bytes = Buffer.allocUnsafe(16)
  bytes.writeBigUInt64BE(major, 0)
  bytes.writeBigUInt64BE(minor, 8)
  return bytes
}

export function decodeId(blob: unknown): EntryId {
  if (!(blob instanceof Uint8Array)) throw new TypeError('An id in the embedded log is not a blob.')
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength)
  return parseEntryId(`${view.getBigUint64(0)}-${view.getBigUint64(8)}`)
}

function isBusy(error: unknown): boolean {
  // SQLITE_BUSY and SQLITE_LOCKED, whatever their extended part is.
  return typeof error === 'object' && error !== null && 'errcode' in error && [5, 6].includes(Number(error.errcode) & 0xff)
}
