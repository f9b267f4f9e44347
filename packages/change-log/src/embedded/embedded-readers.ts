import type { DatabaseSync } from 'node:sqlite'
import { parseEntryId } from '@zenstack-live/protocol'
import type { DeadLetter, DurableReaders, ReaderInfo } from '../durable-readers.ts'
import { ChangeLogError } from '../errors.ts'
import { fencedMessage } from '../fenced-message.ts'
import { CHANGE_LOG_LIMITS } from '../limits.ts'

/** Cursors and leases in the embedded log. Everything happens within one call of this process, so each call is one step. */
export function createEmbeddedReaders(database: DatabaseSync, now: () => number): DurableReaders {
  const find = database.prepare('SELECT * FROM readers WHERE id = ?')
  const take = database.prepare(`
    INSERT INTO readers (id, fence, owner, until_ms) VALUES (?1, ?4, ?2, ?3)
    ON CONFLICT (id) DO UPDATE SET fence = fence + 1, owner = ?2, until_ms = ?3 RETURNING fence`)
  const renew = database.prepare('UPDATE readers SET until_ms = ? WHERE id = ? AND fence = ?')
  const write = database.prepare('UPDATE readers SET cursor = ?, state = ?, saved_at_ms = ? WHERE id = ?')
  const letter = database.prepare('INSERT OR REPLACE INTO dead_letters (reader, key, text) VALUES (?, ?, ?)')
  const bound = database.prepare(
    'DELETE FROM dead_letters WHERE reader = ?1 AND place <= (SELECT place FROM dead_letters WHERE reader = ?1 ORDER BY place DESC LIMIT 1 OFFSET ?2)',
  )
  const letters = database.prepare('SELECT key, text FROM dead_letters WHERE reader = ? ORDER BY place')
  const moveLetter = database.prepare('UPDATE OR REPLACE dead_letters SET reader = ? WHERE reader = ? AND key = ?')
  const removeLetter = database.prepare('DELETE FROM dead_letters WHERE reader = ? AND key = ?')
  /** The highest fence of dropped ids: were it to begin anew, a former owner could pass for its successor. Leases end with this process. */
  let droppedFence = 0

  return {
    async acquire(id, { owner, leaseMs }) {
      const row = find.get(id)
      const remainingMs = row === undefined ? 0 : Number(row['until_ms']) - now()
      if (row !== undefined && remainingMs > 0 && row['owner'] !== owner) return { heldByOwner: String(row['owner']), remainingMs }
      const fence = Number(take.get(id, owner, now() + leaseMs, droppedFence + 1)?.['fence'])
      const cursor = row?.['cursor']
      const record = typeof cursor === 'string' ? { cursor: parseEntryId(cursor), state: String(row?.['state'] ?? '') } : undefined
      return { id, owner, leaseMs, fence, record }
    },
    async save(lease, { record, deadLetters = [] }) {
      database.exec('BEGIN IMMEDIATE')
      try {
        if (Number(renew.run(now() + lease.leaseMs, lease.id, lease.fence).changes) === 0)
          throw new ChangeLogError('reader_fenced', fencedMessage(lease))
        if (record !== undefined) write.run(record.cursor, record.state, now(), lease.id)
        for (const { key, text } of deadLetters) letter.run(lease.id, key, text)
        if (deadLetters.length > 0) bound.run(lease.id, CHANGE_LOG_LIMITS.maxDeadLetters)
        database.exec('COMMIT')
      } catch (error) {
        database.exec('ROLLBACK')
        throw error
      }
    },
    async release(lease) {
      renew.run(0, lease.id, lease.fence)
    },
    list: async () => allReaders(database, now()),
    async drop(id) {
      database.prepare('DELETE FROM dead_letters WHERE reader = ?').run(id)
      const dropped = database.prepare('DELETE FROM readers WHERE id = ? RETURNING fence').get(id)
      droppedFence = Math.max(droppedFence, Number(dropped?.['fence'] ?? 0))
      return dropped !== undefined
    },
    async deadLetters(id) {
      return letters.all(id).map((row): DeadLetter => ({ key: String(row['key']), text: String(row['text']) }))
    },
    async moveDeadLetter(id, key, toId) {
      return Number(moveLetter.run(toId, id, key).changes) > 0
    },
    async removeDeadLetter(id, key) {
      return Number(removeLetter.run(id, key).changes) > 0
    },
  }
}

function allReaders(database: DatabaseSync, nowMs: number): ReaderInfo[] {
  const rows = database.prepare('SELECT *, (SELECT count(*) FROM dead_letters WHERE reader = readers.id) AS letters FROM readers ORDER BY id').all()
  return rows.map((row) => ({
    id: String(row['id']),
    cursor: typeof row['cursor'] === 'string' ? parseEntryId(row['cursor']) : undefined,
    state: typeof row['state'] === 'string' ? row['state'] : undefined,
    owner: Number(row['until_ms']) > nowMs ? String(row['owner']) : undefined,
    fence: Number(row['fence']),
    deadLetters: Number(row['letters']),
    savedAtMs: row['saved_at_ms'] === null ? undefined : Number(row['saved_at_ms']),
  }))
}
