import type { ResetReason } from '@zenstack-live/protocol'
import type { EdgeContext } from './edge-context.ts'
import type { Identity } from './identity.ts'
import type { LiveQuery, Reader } from './live-query.ts'
import type { PlannedQuery } from './plan-query.ts'
import { createRequeryQuery } from './requery-query.ts'
import type { Transaction } from './transaction.ts'

/** All live queries of this process: equal questions of equal identities are one. */
export interface LiveQueries {
  /** The live query for a question. It is let go when its last reader leaves. */
  obtain(planned: PlannedQuery, identity: Identity): LiveQuery
  onTransaction(transaction: Transaction): void
  onReset(reason: ResetReason): void
}

export function createLiveQueries(context: EdgeContext, onAnswered: (readers: Iterable<Reader>) => void): LiveQueries {
  const { metrics } = context
  const byKey = new Map<string, LiveQuery>()
  const byTable = new Map<string, Set<LiveQuery>>()

  const register = (key: string, query: LiveQuery): void => {
    byKey.set(key, query)
    for (const table of query.tables) {
      const queries = byTable.get(table) ?? new Set()
      byTable.set(table, queries.add(query))
    }
    metrics.queriesNow[query.engine]++
    metrics.queriesOpened[query.engine]++
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
      const query = createRequeryQuery(context, planned, identity.client, onAnswered, () => forget(key, query))
      register(key, query)
      return query
    },
    onTransaction(transaction) {
      const told = new Set<LiveQuery>()
      for (const table of transaction.tables) {
        for (const query of byTable.get(table) ?? []) {
          if (told.has(query)) continue
          told.add(query)
          query.onTransaction(transaction)
        }
      }
    },
    onReset(reason) {
      for (const query of byKey.values()) query.onReset(reason)
    },
  }
}
