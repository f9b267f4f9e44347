import type { DecisionContext } from '@zenstack-live/access'
import type { ResultOperation, SnapshotRow } from '@zenstack-live/protocol'
import { wireKey } from '../answer-rows.ts'
import { EffectJudge } from './effect-judge.ts'
import type { IncrementalPlan } from './incremental-plan.ts'
import type { Keys } from '../../keys.ts'
import type { PlannedQuery } from '../plan-query.ts'
import type { RowEffect } from '../../log/transaction.ts'

/** What these effects do to the result of one identity; `ask-database` when memory cannot tell. */
export function decideEffects(
  keys: Keys,
  planned: PlannedQuery,
  plan: IncrementalPlan,
  effects: readonly RowEffect[],
  context: DecisionContext,
): ResultOperation[] | 'ask-database' {
  const operations: ResultOperation[] = []
  for (const effect of effects) {
    if (effect.model !== plan.rows.model) continue
    const judgement = new EffectJudge(plan, effect, wireKey(keys, planned, effect.key)).judge(context)
    if (judgement === 'ask-database') return judgement
    if (judgement !== undefined) operations.push(judgement)
  }
  return operations
}

/** The rows after these operations, in their order. */
export function applyOperations(rows: SnapshotRow[], operations: readonly ResultOperation[]): SnapshotRow[] {
  if (operations.length === 0) return rows
  const byKey = new Map(rows.map((row) => [row.key, row]))
  for (const operation of operations) {
    if (operation.op === 'value') continue
    const old = byKey.get(operation.key)
    if (operation.op === 'leave') byKey.delete(operation.key)
    else if (operation.op === 'enter') byKey.set(operation.key, { key: operation.key, row: operation.row, ...withSort(operation.sort) })
    else if (old !== undefined) {
      const row = operation.op === 'update' ? { ...(old.row as Record<string, unknown>), ...operation.set } : old.row
      byKey.set(operation.key, { key: operation.key, row, ...withSort(operation.sort ?? old.sort) })
    }
  }
  return [...byKey.values()].sort((a, b) => compareText(a.sort ?? '', b.sort ?? ''))
}

function withSort(sort: string | undefined): { sort?: string } {
  return sort === undefined ? {} : { sort }
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
