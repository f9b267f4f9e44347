import type { DatabaseSync } from 'node:sqlite'
import { parseEntryId } from '@zenstack-live/protocol'
import type { DeadLetter, DurableReaders, ReaderInfo, ReaderLease, ReaderUpdate, ReplacedReader, SaveReport } from '../durable-readers.ts'
import { ChangeLogError } from '../errors.ts'
import { fencedMessage } from '../fenced-message.ts'
import { CHANGE_LOG_LIMITS } from '../limits.ts'

/** Cursors and leases in the embedded log. Everything happens within one call of this process, so each call is one step. */
export function createEmbeddedReaders(database: DatabaseSync, now: () => number): DurableReaders {
  const statements = prepareStatements(database)
  /** The highest fence of dropped ids: were it to begin anew, a former owner could pass for its successor. Leases end with this process. */
  let droppedFence = 0

  const dropOne = (id: string): boolean => {
    for (const statement of [statements.dropLetters, statements.dropLoss]) statement.run(id)
    const dropped = statements.dropReader.get(id)
    droppedFence = Math.max(droppedFence, Number(dropped?.['fence'] ?? 0))
    return dropped !== undefined
  }
  const isAsSeen = ({ id, fence }: ReplacedReader): boolean => {
    const row = statements.find.get(id)
    return Number(row?.['fence'] ?? 0) === fence && Number(row?.['until_ms'] ?? 0) <= now()
  }

  return {
    async place(ids, { cursor, state }, replaced = []) {
      return inOneStep(database, () => {
        if (!replaced.every(isAsSeen)) return false
        for (const id of ids) statements.place.run(id, droppedFence, cursor, state, now())
        for (const { id, heir } of replaced) {
          statements.moveLetters.run(heir, id)
          dropOne(id)
        }
        return true
      })
    },
    async acquire(id, { owner, leaseMs, known }) {
      const row = statements.find.get(id)
      const stored = row === undefined ? droppedFence : Number(row['fence'])
      const remainingMs = row === undefined ? 0 : Number(row['until_ms']) - now()
      const cursor = typeof row?.['cursor'] === 'string' ? parseEntryId(row['cursor']) : undefined
      const isLost = known !== undefined && stored < known.fence
      if (row !== undefined && remainingMs > 0 && row['owner'] !== owner && !isLost)
        return { heldByOwner: String(row['owner']), remainingMs, bornMs: 0, fence: stored, cursor }
      const fence = Math.max(stored, known?.fence ?? 0) + 1
      statements.take.run(id, owner, now() + leaseMs, fence)
      const record = cursor === undefined ? undefined : { cursor, state: String(row?.['state'] ?? '') }
      return { id, owner, leaseMs, bornMs: 0, fence, record, isLost }
    },
    save: async (lease, update) => inOneStep(database, () => save(statements, now(), lease, update)),
    async release(lease) {
      statements.renew.run(0, lease.id, lease.fence, lease.owner)
    },
    list: async () => allReaders(database, now()),
    async drop(ids) {
      return inOneStep(database, () => ids.map(dropOne).some(Boolean))
    },
    ...createEmbeddedLetters(statements),
  }
}

type Statements = ReturnType<typeof prepareStatements>

function save(statements: Statements, nowMs: number, lease: ReaderLease, update: ReaderUpdate): SaveReport {
  const { record, deadLetters = [], maxDeadLetters = CHANGE_LOG_LIMITS.maxDeadLetters } = update
  if (Number(statements.renew.run(nowMs + lease.leaseMs, lease.id, lease.fence, lease.owner).changes) === 0)
    throw new ChangeLogError('reader_fenced', fencedMessage(lease))
  if (record !== undefined) statements.write.run(record.cursor, record.state, nowMs, lease.id)
  for (const { key, text } of deadLetters) statements.letter.run(lease.id, key, text)
  const lettersLost = deadLetters.length > 0 ? Number(statements.bound.run(lease.id, maxDeadLetters).changes) : 0
  if (lettersLost > 0) statements.countLoss.run(lease.id, lettersLost)
  return { lettersLost }
}

type Letters = Pick<DurableReaders, 'deadLetters' | 'countDeadLetters' | 'moveDeadLetter' | 'removeDeadLetter'>

function createEmbeddedLetters({ letters, countLetters, moveLetter, removeLetter }: Statements): Letters {
  return {
    async deadLetters(id) {
      return letters.all(id).map((row): DeadLetter => ({ key: String(row['key']), text: String(row['text']) }))
    },
    async countDeadLetters(id) {
      return Number(countLetters.get(id)?.['letters'])
    },
    async moveDeadLetter(id, key, toId) {
      return Number(moveLetter.run(toId, id, key).changes) > 0
    },
    async removeDeadLetter(id, key) {
      return Number(removeLetter.run(id, key).changes) > 0
    },
  }
}

function inOneStep<Result>(database: DatabaseSync, run: () => Result): Result {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = run()
    database.exec('COMMIT')
    return result
  } catch (error) {
    database.exec('ROLLBACK')
    throw error
  }
}

// oxlint-disable-next-line typescript/explicit-function-return-type
function prepareStatements(database: DatabaseSync) {
  return {
    find: database.prepare('SELECT * FROM readers WHERE id = ?'),
    place: database.prepare(`
      INSERT INTO readers (id, fence, owner, until_ms, cursor, state, saved_at_ms) VALUES (?1, ?2, '', 0, ?3, ?4, ?5)
      ON CONFLICT (id) DO UPDATE SET cursor = ?3, state = ?4, saved_at_ms = ?5 WHERE cursor IS NULL`),
    take: database.prepare(`
      INSERT INTO readers (id, fence, owner, until_ms) VALUES (?1, ?4, ?2, ?3)
      ON CONFLICT (id) DO UPDATE SET fence = ?4, owner = ?2, until_ms = ?3`),
    renew: database.prepare('UPDATE readers SET until_ms = ? WHERE id = ? AND fence = ? AND owner = ?'),
    write: database.prepare('UPDATE readers SET cursor = ?, state = ?, saved_at_ms = ? WHERE id = ?'),
    dropReader: database.prepare('DELETE FROM readers WHERE id = ? RETURNING fence'),
    dropLetters: database.prepare('DELETE FROM dead_letters WHERE reader = ?'),
    dropLoss: database.prepare('DELETE FROM lost_letters WHERE reader = ?'),
    letter: database.prepare('INSERT OR REPLACE INTO dead_letters (reader, key, text) VALUES (?, ?, ?)'),
    bound: database.prepare(
      'DELETE FROM dead_letters WHERE reader = ?1 AND place <= (SELECT place FROM dead_letters WHERE reader = ?1 ORDER BY place DESC LIMIT 1 OFFSET ?2)',
    ),
    countLoss: database.prepare('INSERT INTO lost_letters VALUES (?1, ?2) ON CONFLICT (reader) DO UPDATE SET count = count + ?2'),
    letters: database.prepare('SELECT key, text FROM dead_letters WHERE reader = ? ORDER BY place'),
    countLetters: database.prepare('SELECT count(*) AS letters FROM dead_letters WHERE reader = ?'),
    moveLetter: database.prepare('UPDATE OR REPLACE dead_letters SET reader = ? WHERE reader = ? AND key = ?'),
    moveLetters: database.prepare('UPDATE OR REPLACE dead_letters SET reader = ? WHERE reader = ?'),
    removeLetter: database.prepare('DELETE FROM dead_letters WHERE reader = ? AND key = ?'),
  }
}

function allReaders(database: DatabaseSync, nowMs: number): ReaderInfo[] {
  const rows = database
    .prepare(
      `SELECT *, (SELECT count(*) FROM dead_letters WHERE reader = readers.id) AS letters,
         coalesce((SELECT count FROM lost_letters WHERE reader = readers.id), 0) AS letters_lost
       FROM readers ORDER BY id`,
    )
    .all()
  return rows.map((row) => ({
    id: String(row['id']),
    cursor: typeof row['cursor'] === 'string' ? parseEntryId(row['cursor']) : undefined,
    state: typeof row['state'] === 'string' ? row['state'] : undefined,
    owner: Number(row['until_ms']) > nowMs ? String(row['owner']) : undefined,
    bornMs: 0,
    fence: Number(row['fence']),
    deadLetters: Number(row['letters']),
    lettersLost: Number(row['letters_lost']),
    savedAtMs: row['saved_at_ms'] === null ? undefined : Number(row['saved_at_ms']),
  }))
}
