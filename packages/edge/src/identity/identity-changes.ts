import { authMembers } from '@zenstack-live/access'
import type { DataModel, Model } from '@zenstack-live/model'
import type { EdgeDatabase } from '../database/edge-database.ts'
import type { Identity } from './identity.ts'
import { parsePgSnapshot, sees } from '../database/pg-snapshot.ts'
import type { Transaction } from '../log/transaction.ts'

interface RowChange {
  readonly xid: number
  /** When the database was first known to show it, on our own clock of questions; `undefined`: not yet. */
  shownAt: number | undefined
  showing: Promise<void> | undefined
}

/** An identity, and when the question for it was asked. */
export interface SettledIdentity {
  readonly identity: Identity
  readonly askedAt: number
}

const MAX_REMEMBERED = 10_000
const MAX_PAUSE_MS = 250
/** Stands for every row: the table was emptied, or its changes are not known. */
const EVERYBODY = '\0'

/**
 * Changes of the rows behind `auth()`. A change is in the log before the database shows it: a `getClient` that is asked in between
 * still answers with the old role. Its answer counts only when it was asked after the change could be seen.
 */
export class IdentityChanges {
  readonly #model: Model | undefined
  readonly #table: string | undefined
  readonly #database: EdgeDatabase
  readonly #changes = new Map<string, RowChange>()
  /**
   * Policies read more of `auth()` than who it is. Then an answer of the database counts only when the log has passed what it
   * shows: a change of the row behind `auth()` that it shows has come by then, and put the identity it was made for in doubt.
   */
  readonly decidesAnswers: boolean
  #clock = 0
  #isClosed = false

  constructor(data: DataModel, database: EdgeDatabase, isOn = true) {
    this.#model = data.schema.authType === undefined ? undefined : data.models.get(data.schema.authType)
    this.#table = this.#model === undefined || !isOn ? undefined : `${this.#model.table.schema}.${this.#model.table.name}`
    this.#database = database
    const { names, isWhole } = authMembers(data)
    this.decidesAnswers = this.#model !== undefined && (isWhole || [...names].some((name) => this.#model?.idFields.includes(name) !== true))
  }

  /** Takes a transaction in. @returns whose rows it changed; `all` when that cannot be told */
  note(transaction: Transaction): readonly string[] | 'all' {
    if (this.#table === undefined || !transaction.tables.has(this.#table)) return []
    const change: RowChange = { xid: transaction.xid, shownAt: undefined, showing: undefined }
    if (transaction.unknown.has(this.#table)) {
      this.#remember(EVERYBODY, change)
      return 'all'
    }
    const keys = transaction.effects.filter((effect) => effect.model === this.#model).map((effect) => effect.key)
    for (const key of keys) this.#remember(key, change)
    return keys
  }

  /** Asks until the answer is one that had seen every change of the row behind it. @throws what `identify` throws */
  async settle(identify: () => Promise<Identity>): Promise<SettledIdentity> {
    for (;;) {
      const askedAt = ++this.#clock
      const identity = await identify()
      const pending = this.#newerThan(identity.authKey, askedAt)
      if (pending.length === 0) return { identity, askedAt }
      for (const change of pending) await this.#shown(change)
    }
  }

  /** Whether the row behind it changed after it was asked for. */
  isOutdated({ identity, askedAt }: SettledIdentity): boolean {
    return this.#newerThan(identity.authKey, askedAt).length > 0
  }

  close(): void {
    this.#isClosed = true
  }

  #newerThan(authKey: string | undefined, askedAt: number): RowChange[] {
    if (authKey === undefined) return []
    return [this.#changes.get(authKey), this.#changes.get(EVERYBODY)].filter(
      (change): change is RowChange => change !== undefined && (change.shownAt === undefined || change.shownAt > askedAt),
    )
  }

  #remember(key: string, change: RowChange): void {
    this.#changes.delete(key)
    this.#changes.set(key, change)
    const [oldest] = this.#changes.size > MAX_REMEMBERED ? this.#changes.keys() : []
    if (oldest !== undefined) this.#changes.delete(oldest)
  }

  #shown(change: RowChange): Promise<void> {
    if (change.shownAt !== undefined) return Promise.resolve()
    change.showing ??= this.#untilShown(change)
    return change.showing
  }

  /** While the database does not answer, nobody is told anything: the connections in doubt stay held. */
  async #untilShown(change: RowChange): Promise<void> {
    for (let attempt = 0; change.xid !== 0 && !this.#isClosed; attempt++) {
      const [row] = await this.#database.query('SELECT pg_current_snapshot()::text AS snapshot').catch(() => [])
      if (row !== undefined && sees(parsePgSnapshot(String(row['snapshot'])), change.xid)) break
      await new Promise((resolve) => setTimeout(resolve, Math.min(MAX_PAUSE_MS, 2 ** attempt)))
    }
    change.shownAt = ++this.#clock
  }
}
