import { authMembers } from '@zenstack-live/access'
import type { DataModel, Model } from '@zenstack-live/model'
import { LiveError, type Limits } from '@zenstack-live/protocol'
import { coalesce } from '../database/coalesce.ts'
import type { EdgeDatabase } from '../database/edge-database.ts'
import type { Guards } from '../guards.ts'
import type { Identity } from './identity.ts'
import { parsePgSnapshot, sees, type PgSnapshot } from '../database/pg-snapshot.ts'
import type { Hub } from '../log/hub.ts'
import type { LogName } from '../log/place.ts'
import type { Transaction } from '../log/transaction.ts'
import { within } from '../within.ts'

interface RowChange {
  readonly xid: number
  readonly notedAtMs: number
  /** When the database was first known to show it, on our own clock of questions; `undefined`: not yet. */
  shownAt: number | undefined
  showing: Promise<void> | undefined
}

/** An identity, and when the question for it was asked. */
export interface SettledIdentity {
  readonly identity: Identity
  readonly askedAt: number
}

/**
 * What an identity is wanted for: an answer of the database, or a stream, which lags behind it and goes on. What a stream begins with waits in the
 * stream itself, where it counts among all others.
 */
export type IdentityUse = 'answer' | 'stream' | 'opening'

export interface IdentityChangesOptions {
  database: EdgeDatabase
  hub: Hub
  guards: Guards
  limits: Pick<Limits, 'identityTimeoutMs'>
}

const MAX_REMEMBERED = 10_000
/** No answer is on its way for longer, by far. Transaction ids go round: after days an old one would look like one to come. */
const MAX_DOUBT_MS = 10 * 60_000
const MAX_PAUSE_MS = 250
const MAX_LOG_WAIT_MS = 1_000
/** Stands for every row: the table was emptied, or its changes are not known. */
const EVERYBODY = '\0'

/**
 * Changes of the rows behind `auth()`. A change is in the log before the database shows it: a `getClient` that is asked in between
 * still answers with the old role. Its answer counts only when it was asked after the change could be seen. And the database may be
 * further than the log: where the row changed of late, or somebody is news to a stream, an answer counts only when the log has passed
 * all that it can be made of. Else what was written before they became who they are, or while they were another, would be shown to them.
 */
export class IdentityChanges {
  readonly #model: Model | undefined
  readonly #table: string | undefined
  readonly #database: EdgeDatabase
  readonly #hub: Hub
  readonly #guards: Guards
  readonly #limits: Pick<Limits, 'identityTimeoutMs'>
  readonly #changes = new Map<string, RowChange>()
  /**
   * Policies read more of `auth()` than who it is. Then an answer of the database counts only when the log has passed what it
   * shows: a change of the row behind `auth()` that it shows has come by then, and put the identity it was made for in doubt.
   */
  readonly decidesAnswers: boolean
  /**
   * Resolves when every change has been told that the database showed before the call. Who asks while another waits shares the next
   * wait: however many ask, one waits at a time, and none for longer than twice {@link MAX_LOG_WAIT_MS}.
   *
   * @returns `false` where the log does not come so far for {@link MAX_LOG_WAIT_MS}: then only asking again tells who somebody is
   * @throws {LiveError} `database_unavailable`
   */
  readonly areTold = coalesce(() => this.#areTold())
  /** Whose changes are noted. */
  #log: LogName
  #clock = 0
  #isClosed = false

  constructor(data: DataModel, { database, hub, guards, limits }: IdentityChangesOptions) {
    this.#model = data.schema.authType === undefined ? undefined : data.models.get(data.schema.authType)
    this.#table = this.#model === undefined || !guards.revokes ? undefined : `${this.#model.table.schema}.${this.#model.table.name}`
    this.#database = database
    this.#hub = hub
    this.#log = hub.log
    this.#guards = guards
    this.#limits = limits
    const { names, isWhole } = authMembers(data)
    this.decidesAnswers = this.#model !== undefined && (isWhole || [...names].some((name) => this.#model?.idFields.includes(name) !== true))
  }

  /** Whose rows a transaction changed; `all` when that cannot be told. */
  changedBy(transaction: Transaction): readonly string[] | 'all' {
    if (this.#table === undefined || !transaction.tables.has(this.#table)) return []
    if (transaction.unknown.has(this.#table)) return 'all'
    return transaction.effects.filter((effect) => effect.model === this.#model).map((effect) => effect.key)
  }

  /**
   * Whether one of these changed the row behind an identity, so that they may have been another before it, whatever of it was changed: what
   * `getClient` makes of a row, only the application knows. Of whom it does not say which row it is, it may be any.
   */
  wasAnother(transactions: readonly Transaction[], { auth, authKey }: Identity): boolean {
    if (auth === null || !this.decidesAnswers) return false
    return transactions.some((one) => {
      const keys = this.changedBy(one)
      return keys === 'all' || (authKey === undefined ? keys.length > 0 : keys.includes(authKey))
    })
  }

  /** Takes a transaction in. @returns whose rows it changed, as {@link changedBy} */
  note(transaction: Transaction): readonly string[] | 'all' {
    const keys = this.changedBy(transaction)
    if (keys.length === 0) return keys
    const change: RowChange = { xid: transaction.xid, notedAtMs: performance.now(), shownAt: undefined, showing: undefined }
    for (const key of keys === 'all' || keys.length >= MAX_REMEMBERED ? [EVERYBODY] : keys) this.#remember(key, change)
    return keys
  }

  /** Now, on the clock of questions: said of one that is put to the application at this moment. */
  askNow(): number {
    return ++this.#clock
  }

  /**
   * Asks until the answer is one that had seen every change of the row behind it.
   *
   * @param before - who they were until now
   * @throws what `ask` throws; {@link LiveError} `log_unavailable` where the log stands still, `overloaded` where there is no such answer for
   * `identityTimeoutMs` after the first
   */
  async settle(ask: () => Promise<SettledIdentity>, use: IdentityUse, before: Identity | undefined): Promise<SettledIdentity> {
    const { identityTimeoutMs } = this.#limits
    let endsAtMs: number | undefined
    for (;;) {
      const settled = await ask()
      const { identity, askedAt } = settled
      endsAtMs ??= performance.now() + identityTimeoutMs
      const isNews = use === 'stream' && (identity.key !== before?.key || identity.authKey !== before.authKey)
      if (use !== 'opening' && this.mayBeAhead(identity) && (isNews || this.#recent(identity.authKey).length > 0)) await this.logIsThere()
      const pending = this.#newerThan(identity.authKey, askedAt)
      if (pending.length === 0) return settled
      const leftMs = endsAtMs - performance.now()
      const areShown = Promise.all(pending.map((change) => this.#shown(change))).then(() => true)
      if (leftMs > 0 && (await within(areShown, leftMs)) === true) continue
      throw new LiveError(
        'overloaded',
        `For ${identityTimeoutMs} ms (identityTimeoutMs) the row behind auth() was another each time after getClient was asked, or the database did not show what had become of it. Does getClient write to that row?`,
      )
    }
  }

  /** Whether somebody can be whom the log has not come to yet: a transaction that it tells next may be of before they became that. */
  mayBeAhead({ auth }: Identity): boolean {
    return this.decidesAnswers && this.#guards.holdsAnswers && auth !== null
  }

  /**
   * Resolves when the log has passed all that an answer to a question of before the call can be made of.
   *
   * @throws {LiveError} `log_unavailable` where that takes longer than `databaseTimeoutMs`; `database_unavailable`
   */
  async logIsThere(): Promise<void> {
    await this.#hub.passed(await this.#database.endOfLog())
  }

  /** Whether the row behind it changed after it was asked for. */
  isOutdated({ identity, askedAt }: SettledIdentity): boolean {
    return this.#newerThan(identity.authKey, askedAt).length > 0
  }

  /** Whether an answer shows every change of the row behind an identity: one that does not may be of a time when they were another. */
  areShownBy(snapshot: PgSnapshot, { authKey }: Identity): boolean {
    return this.#recent(authKey).every(({ xid }) => xid === 0 || sees(snapshot, xid))
  }

  /**
   * Continuity ended. Behind a mere gap the database is the same, and shows in the end what was noted. Where the log begins anew it may be
   * another, or one that went back: what it undid it never shows, and the ids of its transactions are given again.
   */
  onReset(): void {
    const { identity, epoch } = this.#hub.log
    if (identity === this.#log.identity && epoch === this.#log.epoch) return
    // Another object: it ends what still asks for those of before.
    this.#log = { identity, epoch }
    this.#changes.clear()
  }

  close(): void {
    this.#isClosed = true
  }

  async #areTold(): Promise<boolean> {
    if (this.#table === undefined || !this.#guards.holdsAnswers) return true
    const isPassed = this.#hub.passed(await this.#database.endOfLog()).then(
      () => true,
      () => false,
    )
    return (await within(isPassed, MAX_LOG_WAIT_MS)) === true
  }

  #newerThan(authKey: string | undefined, askedAt: number): RowChange[] {
    return this.#of(authKey).filter(({ shownAt }) => shownAt === undefined || shownAt > askedAt)
  }

  #recent(authKey: string | undefined): RowChange[] {
    const since = performance.now() - MAX_DOUBT_MS
    return this.#of(authKey).filter(({ notedAtMs }) => notedAtMs > since)
  }

  #of(authKey: string | undefined): RowChange[] {
    if (authKey === undefined) return []
    return [this.#changes.get(authKey), this.#changes.get(EVERYBODY)].filter((change) => change !== undefined)
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

  /** While the database does not answer, nobody is told anything. Who waits for it does so for a time. */
  async #untilShown(change: RowChange): Promise<void> {
    const log = this.#log
    for (let attempt = 0; change.xid !== 0 && !this.#isClosed && log === this.#log; attempt++) {
      const [row] = await this.#database.query('SELECT pg_current_snapshot()::text AS snapshot').catch(() => [])
      if (row !== undefined && sees(parsePgSnapshot(String(row['snapshot'])), change.xid)) break
      await new Promise((resolve) => setTimeout(resolve, Math.min(MAX_PAUSE_MS, 2 ** attempt)))
    }
    change.shownAt = ++this.#clock
  }
}
