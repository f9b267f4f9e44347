import { createInterestIndex, interestOfQuery, type Interest, type InterestIndex, type KeySetSpec, type Registration } from '@zenstack-live/access'
import { tableKey, type Model } from '@zenstack-live/model'
import type { ResetReason } from '@zenstack-live/protocol'
import { requireAskable, type ChangesPlan } from './changes/changes-plan.ts'
import { ChangesQuery } from './changes/changes-query.ts'
import type { EdgeContext } from '../edge-context.ts'
import type { Identity } from '../identity/identity.ts'
import type { IncrementalPlan } from './incremental/incremental-plan.ts'
import { IncrementalQuery } from './incremental/incremental-query.ts'
import { KeySetHolder } from './incremental/key-set-holder.ts'
import type { LiveQuery } from './live-query.ts'
import type { MemoryTies, TiedQuery } from './memory-ties.ts'
import { countIn } from '../operations/metrics.ts'
import type { PlannedQuery } from './plan-query.ts'
import { RequeryQuery } from './requery/requery-query.ts'
import type { RowEffect, Transaction } from '../log/transaction.ts'

interface HeldKeySet {
  readonly key: string
  readonly holder: KeySetHolder
  readonly queries: Set<TiedQuery>
}

/** Queries that a transaction may concern, each once, and by which of its effects. */
interface Concerned {
  readonly queries: readonly LiveQuery[]
  effectsOf(query: LiveQuery): readonly RowEffect[]
}

/** For how long somebody who has too many memberships is not asked again whether that is so still. */
const TOO_MANY_MS = 10 * 60_000
const MAX_TOO_MANY = 10_000

/** All live queries of this process: equal questions of equal identities are one. */
export class LiveQueries {
  readonly #context: EdgeContext
  readonly #byKey = new Map<string, LiveQuery>()
  readonly #byTable = new Map<string, Set<LiveQuery>>()
  /** Of those, the ones that every change of the table concerns. */
  readonly #askedByTable = new Map<string, Set<LiveQuery>>()
  /** Queries by the values of the rows they can concern: all that memory decides, and of others those whose own table is read in one way only. */
  readonly #interests = createInterestIndex<LiveQuery>()
  readonly #registrations = new Map<LiveQuery, Registration<LiveQuery>>()
  readonly #keySets = new Map<string, Registration<HeldKeySet>>()
  readonly #keySetsByTable = new Map<string, Set<HeldKeySet>>()
  /** Key sets by the values of the rows that make them: one person's membership concerns nobody else's set. */
  readonly #memberships = createInterestIndex<HeldKeySet>()
  /** Key sets that are too large for memory, and when that was seen. */
  readonly #tooMany = new Map<string, number>()

  constructor(context: EdgeContext) {
    this.#context = context
  }

  /** The live query for a question. It is let go when its last reader leaves. */
  obtain(planned: PlannedQuery, identity: Identity): LiveQuery {
    return this.#keep(`${identity.key} ${planned.text}`, (onDeserted) => this.#create(planned, identity, onDeserted))
  }

  /** The same for a stream of changes. */
  obtainChanges(plan: ChangesPlan, identity: Identity): LiveQuery {
    return this.#keep(`${identity.key} ${plan.text}`, (onDeserted) => this.#createChanges(plan, identity, onDeserted))
  }

  #keep(key: string, create: (onDeserted: () => void) => LiveQuery): LiveQuery {
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    const query = create(() => this.#forget(key, query))
    this.#byKey.set(key, query)
    for (const table of query.tables) addTo(this.#byTable, table, query)
    this.#context.metrics.queriesNow[query.engine]++
    this.#context.metrics.queriesOpened[query.engine]++
    return query
  }

  onTransaction(transaction: Transaction): void {
    // Dependencies before rows: whom memberships reach is brought up to date before any row is judged.
    const changed = this.#takeKeySets(transaction)
    const { queries, effectsOf } = this.#concernedBy(transaction)
    this.#context.metrics.queriesConcerned += queries.length
    for (const query of changed) this.#tell(query, transaction, [], true)
    for (const query of queries) if (changed.size === 0 || !changed.has(query)) this.#tell(query, transaction, effectsOf(query), false)
  }

  /** A row that cannot be told (JSON that no serializer takes) is no concern of the other queries. */
  #tell(query: LiveQuery, transaction: Transaction, effects: readonly RowEffect[], isKeySetChanged: boolean): void {
    try {
      query.onTransaction(transaction, effects, isKeySetChanged)
    } catch (error) {
      this.#context.logger.error('A change could not be told to a query; it is read anew.', { error: String(error) })
      query.onReset('gap')
    }
  }

  onReset(reason: ResetReason): void {
    for (const { item } of this.#keySets.values()) item.holder.forget()
    for (const query of this.#byKey.values()) query.onReset(reason)
  }

  #create(planned: PlannedQuery, identity: Identity, onDeserted: () => void): LiveQuery {
    const { incremental } = planned
    if (incremental !== undefined && this.#areKeySets(incremental.rows.keySets, identity))
      return this.#createIncremental(planned, incremental, identity, onDeserted)
    for (const reason of planned.reasons) countIn(this.#context.metrics.requeryReasons, reason)
    return this.#createRequery(planned, identity, onDeserted)
  }

  #createRequery(planned: PlannedQuery, identity: Identity, onDeserted: () => void): LiveQuery {
    const { model, ownRows } = planned
    const own = ownRows === undefined ? undefined : tableKey(model.table)
    const asked = [...planned.tables].filter((table) => table !== own)
    const forget = (): void => {
      this.#setInterest(query, model, undefined)
      for (const table of asked) removeFrom(this.#askedByTable, table, query)
      onDeserted()
    }
    const query = new RequeryQuery({ context: this.#context, planned, client: identity.client, auth: identity.auth, onDeserted: forget })
    if (ownRows !== undefined) this.#setInterest(query, model, ownRows(identity.auth))
    for (const table of asked) addTo(this.#askedByTable, table, query)
    return query
  }

  #createIncremental(planned: PlannedQuery, plan: IncrementalPlan, identity: Identity, onDeserted: () => void): LiveQuery {
    const create = (ties: MemoryTies): TiedQuery => new IncrementalQuery({ context: this.#context, planned, plan, identity, ...ties })
    return this.#tie(planned.model, plan.rows.keySets, identity, onDeserted, create)
  }

  #createChanges(plan: ChangesPlan, identity: Identity, onDeserted: () => void): LiveQuery {
    const isLocal = plan.isLocal && this.#areKeySets(plan.policy.keySets, identity)
    if (!isLocal) requireAskable(plan)
    const create = (ties: MemoryTies): TiedQuery => new ChangesQuery({ context: this.#context, plan, identity, isLocal, ...ties })
    return this.#tie(plan.model, isLocal ? plan.policy.keySets : [], identity, onDeserted, create)
  }

  /** Holds key sets for a query that memory decides, and its interest, until its last reader leaves. */
  #tie(model: Model, specs: readonly KeySetSpec[], identity: Identity, onDeserted: () => void, create: (ties: MemoryTies) => TiedQuery): LiveQuery {
    const keySets = specs.map((spec) => this.#hold(spec, identity))
    const query = create({
      keySets: keySets.map(({ holder }) => holder),
      onInterest: (of, interest) => this.#setInterest(of, model, interest),
      onDeserted: () => {
        this.#setInterest(query, model, undefined)
        for (const held of keySets) this.#release(held, query)
        onDeserted()
      },
    })
    for (const held of keySets) held.queries.add(query)
    return query
  }

  /** Whether memory can hold them. Where an identity's values do not fit a membership predicate, or it has too many, only the database knows. */
  #areKeySets(specs: readonly KeySetSpec[], identity: Identity): boolean {
    const since = performance.now() - TOO_MANY_MS
    return specs.every((spec) => spec.where(identity.auth) !== undefined && (this.#tooMany.get(keySetKey(spec, identity)) ?? -Infinity) < since)
  }

  /** Whoever goes by these keys goes on with a query of another kind. */
  #giveUp({ key, queries }: HeldKeySet): void {
    this.#tooMany.delete(key)
    this.#tooMany.set(key, performance.now())
    const [oldest] = this.#tooMany.size > MAX_TOO_MANY ? this.#tooMany.keys() : []
    if (oldest !== undefined) this.#tooMany.delete(oldest)
    const readers = [...queries].flatMap((query) => query.readers())
    for (const [name, query] of this.#byKey) if ((queries as ReadonlySet<LiveQuery>).has(query)) this.#byKey.delete(name)
    for (const reader of readers) reader.reopen('slow')
  }

  #hold(spec: KeySetSpec, identity: Identity): HeldKeySet {
    const key = keySetKey(spec, identity)
    const known = this.#keySets.get(key)
    if (known !== undefined) return known.item
    const where = spec.where(identity.auth)
    // An empty set in its place would let in where a rule denies.
    if (where === undefined) throw new TypeError(`The memberships "${spec.id}" cannot be read for this identity: the query is one for the database.`)
    const interest = interestOfQuery(this.#context.data, { model: spec.model.name, where, isPolicyOn: false })
    const holder = new KeySetHolder(this.#context, spec, identity, { where, onTooMany: () => this.#giveUp(held) })
    const held: HeldKeySet = { key, holder, queries: new Set() }
    this.#keySets.set(key, this.#memberships.add(spec.model, interest, held))
    addTo(this.#keySetsByTable, tableKey(spec.model.table), held)
    return held
  }

  #release(held: HeldKeySet, query: TiedQuery): void {
    held.queries.delete(query)
    if (held.queries.size > 0) return
    const registration = this.#keySets.get(held.key)
    if (registration !== undefined) this.#memberships.remove(registration)
    this.#keySets.delete(held.key)
    removeFrom(this.#keySetsByTable, tableKey(held.holder.spec.model.table), held)
  }

  /** @returns the queries whose key sets are others now */
  #takeKeySets(transaction: Transaction): ReadonlySet<LiveQuery> {
    const concerned = new Map<HeldKeySet, RowEffect[]>()
    for (const table of transaction.unknown.keys()) for (const held of this.#keySetsByTable.get(table) ?? []) concerned.set(held, [])
    // Each with the rows that can be its own: a thousand memberships that end at once would else be held against a thousand sets each.
    matchEffects(this.#memberships, transaction, concerned)
    this.#context.metrics.keySetsConcerned += concerned.size
    const changed = new Set<LiveQuery>()
    for (const [{ holder, queries }, effects] of concerned) {
      if (holder.take(transaction, effects)) for (const query of queries) changed.add(query)
    }
    return changed
  }

  /** The queries that a transaction may concern: found by its tables, or by the values of its rows. */
  #concernedBy(transaction: Transaction): Concerned {
    const concerned = new Map<LiveQuery, RowEffect[]>()
    for (const table of transaction.tables) {
      // Never a look at all that are open: thousands that memory decides are found by their values below.
      const queries = transaction.unknown.has(table) ? this.#byTable : this.#askedByTable
      for (const query of queries.get(table) ?? []) concerned.set(query, [])
    }
    const ofOneRow = concerned.size === 0 ? this.#concernedByOneRow(transaction) : undefined
    if (ofOneRow !== undefined) return ofOneRow
    matchEffects(this.#interests, transaction, concerned)
    return { queries: [...concerned.keys()], effectsOf: (query) => concerned.get(query) ?? [] }
  }

  /** Most transactions change one row: whomever they concern, it is that one. */
  #concernedByOneRow({ effects }: Transaction): Concerned | undefined {
    const [only] = this.#interests.size === 0 ? [] : effects
    if (only === undefined || effects.length > 1) return undefined
    const queries: LiveQuery[] = []
    this.#interests.match(only.model, only.before, only.after, (query) => queries.push(query))
    return { queries, effectsOf: () => effects }
  }

  #setInterest(query: LiveQuery, model: Model, interest: Interest | undefined): void {
    const old = this.#registrations.get(query)
    if (old !== undefined) this.#interests.remove(old)
    if (interest === undefined) this.#registrations.delete(query)
    else this.#registrations.set(query, this.#interests.add(model, interest, query))
  }

  #forget(key: string, query: LiveQuery): void {
    if (this.#byKey.get(key) === query) this.#byKey.delete(key)
    for (const table of query.tables) removeFrom(this.#byTable, table, query)
    this.#context.metrics.queriesNow[query.engine]--
  }
}

function keySetKey(spec: KeySetSpec, identity: Identity): string {
  return `${identity.key} ${spec.id}`
}

/** Adds the items that the rows of a transaction can concern, each with those rows. Rows are decoded only where there are items. */
function matchEffects<Item extends object>(index: InterestIndex<Item>, transaction: Transaction, concerned: Map<Item, RowEffect[]>): void {
  if (index.size === 0) return
  for (const effect of transaction.effects) {
    index.match(effect.model, effect.before, effect.after, (item) => {
      const effects = concerned.get(item)
      if (effects === undefined) concerned.set(item, [effect])
      else effects.push(effect)
    })
  }
}

function addTo<Item>(sets: Map<string, Set<Item>>, name: string, item: Item): void {
  const set = sets.get(name)
  if (set === undefined) sets.set(name, new Set([item]))
  else set.add(item)
}

function removeFrom<Item>(sets: Map<string, Set<Item>>, name: string, item: Item): void {
  const set = sets.get(name)
  if (set?.delete(item) === true && set.size === 0) sets.delete(name)
}
