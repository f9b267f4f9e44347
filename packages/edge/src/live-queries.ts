import { createInterestIndex, type Interest, type KeySetSpec, type Registration } from '@zenstack-live/access'
import { tableKey, type Model } from '@zenstack-live/model'
import type { ResetReason } from '@zenstack-live/protocol'
import type { EdgeContext } from './edge-context.ts'
import type { Identity } from './identity.ts'
import { createIncrementalQuery } from './incremental-query.ts'
import { createKeySetHolder, type KeySetHolder } from './key-set-holder.ts'
import type { LiveQuery, Reader } from './live-query.ts'
import { countIn } from './metrics.ts'
import type { PlannedQuery } from './plan-query.ts'
import { createRequeryQuery } from './requery-query.ts'
import type { RowEffect, Transaction } from './transaction.ts'

/** All live queries of this process: equal questions of equal identities are one. */
export interface LiveQueries {
  /** The live query for a question. It is let go when its last reader leaves. */
  obtain(planned: PlannedQuery, identity: Identity): LiveQuery
  onTransaction(transaction: Transaction): void
  onReset(reason: ResetReason): void
}

interface HeldKeySet {
  key: string
  holder: KeySetHolder
  queries: Set<LiveQuery>
}

export function createLiveQueries(context: EdgeContext, onAnswered: (readers: Iterable<Reader>) => void): LiveQueries {
  const { metrics } = context
  const byKey = new Map<string, LiveQuery>()
  const byTable = new Map<string, Set<LiveQuery>>()
  const interests = createInterestIndex<LiveQuery>()
  const registrations = new Map<LiveQuery, Registration<LiveQuery>>()
  const holders = new Map<string, HeldKeySet>()
  const holdersByTable = new Map<string, Set<HeldKeySet>>()

  const register = (key: string, query: LiveQuery): void => {
    byKey.set(key, query)
    for (const table of query.tables) {
      const queries = byTable.get(table) ?? new Set()
      byTable.set(table, queries.add(query))
    }
    metrics.queriesNow[query.engine]++
    metrics.queriesOpened[query.engine]++
  }

  const create = (planned: PlannedQuery, identity: Identity, onDeserted: () => void): LiveQuery => {
    const plan = planned.incremental
    const specs = plan?.rows.keySets ?? []
    // Where an identity's values do not fit the predicate, only the database knows.
    if (plan === undefined || specs.some((spec) => spec.where(identity.auth) === undefined)) {
      for (const reason of planned.reasons) countIn(metrics.requeryReasons, reason)
      return createRequeryQuery(context, planned, identity.client, onAnswered, onDeserted)
    }
    const keySets = specs.map((spec) => holderOf(spec, identity))
    const query = createIncrementalQuery({
      context,
      planned,
      plan,
      identity,
      keySets: keySets.map(({ holder }) => holder),
      onInterest: (of, interest) => setInterest(of, planned.model, interest),
      onDeserted() {
        setInterest(query, planned.model, undefined)
        for (const held of keySets) release(held, query)
        onDeserted()
      },
    })
    for (const held of keySets) held.queries.add(query)
    return query
  }

  const holderOf = (spec: KeySetSpec, identity: Identity): HeldKeySet => {
    const key = `${identity.key} ${spec.id}`
    const held = holders.get(key) ?? { key, holder: createKeySetHolder(context, spec, identity), queries: new Set() }
    holders.set(key, held)
    const table = tableKey(spec.model.table)
    holdersByTable.set(table, (holdersByTable.get(table) ?? new Set()).add(held))
    return held
  }

  const release = (held: HeldKeySet, query: LiveQuery): void => {
    held.queries.delete(query)
    if (held.queries.size > 0) return
    holders.delete(held.key)
    holdersByTable.get(tableKey(held.holder.spec.model.table))?.delete(held)
  }

  /** Dependencies before rows: whom memberships reach is brought up to date before any row is judged. */
  const takeKeySets = (transaction: Transaction): ReadonlySet<LiveQuery> => {
    const changed = new Set<LiveQuery>()
    for (const table of transaction.tables) {
      for (const held of holdersByTable.get(table) ?? []) if (held.holder.take(transaction)) for (const query of held.queries) changed.add(query)
    }
    return changed
  }

  /** The queries that a transaction may concern: found by its tables, or, where memory decides, by the values of its rows. */
  const concernedBy = (transaction: Transaction): Map<LiveQuery, RowEffect[]> => {
    const concerned = new Map<LiveQuery, RowEffect[]>()
    for (const table of transaction.tables) {
      for (const query of byTable.get(table) ?? []) if (query.engine === 'requery' || transaction.unknown.has(table)) concerned.set(query, [])
    }
    if (interests.size === 0) return concerned
    for (const effect of transaction.effects) {
      interests.match(effect.model, effect.before, effect.after, (query) => {
        const effects = concerned.get(query)
        if (effects === undefined) concerned.set(query, [effect])
        else effects.push(effect)
      })
    }
    return concerned
  }

  const setInterest = (query: LiveQuery, model: Model, interest: Interest | undefined): void => {
    const old = registrations.get(query)
    if (old !== undefined) interests.remove(old)
    if (interest === undefined) registrations.delete(query)
    else registrations.set(query, interests.add(model, interest, query))
  }

  const forget = (key: string, query: LiveQuery): void => {
    byKey.delete(key)
    for (const table of query.tables) {
      const queries = byTable.get(table)
      queries?.delete(query)
      if (queries?.size === 0) byTable.delete(table)
    }
    metrics.queriesNow[query.engine]--
  }

  return {
    obtain(planned, identity) {
      const key = `${identity.key} ${planned.text}`
      const known = byKey.get(key)
      if (known !== undefined) return known
      const query = create(planned, identity, () => forget(key, query))
      register(key, query)
      return query
    },
    onTransaction(transaction) {
      const changed = takeKeySets(transaction)
      const concerned = concernedBy(transaction)
      for (const query of changed) query.onTransaction(transaction, [], true)
      for (const [query, effects] of concerned) if (!changed.has(query)) query.onTransaction(transaction, effects, false)
    },
    onReset(reason) {
      for (const holder of holders.values()) holder.holder.forget()
      for (const query of byKey.values()) query.onReset(reason)
    },
  }
}
