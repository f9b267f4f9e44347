import { transition, type DecisionContext } from '@zenstack-live/access'
import { presentRow, type StoredRow } from '@zenstack-live/model'
import type { ResultOperation, SnapshotRow } from '@zenstack-live/protocol'
import { wireKey } from './answer-rows.ts'
import type { IncrementalPlan } from './incremental-plan.ts'
import type { Keys } from './keys.ts'
import type { PlannedQuery } from './plan-query.ts'
import type { RowEffect } from './transaction.ts'

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
    const operation = decideEffect(plan, effect, wireKey(keys, planned, effect.key), context)
    if (operation === 'ask-database') return operation
    if (operation !== undefined) operations.push(operation)
  }
  return operations
}

function decideEffect(plan: IncrementalPlan, effect: RowEffect, key: string, context: DecisionContext): ResultOperation | 'ask-database' | undefined {
  const { before, after } = effect
  const change = transition(plan.rows, before, after, context)
  if (change.kind === 'ask-database') return 'ask-database'
  if (change.kind === 'none') return undefined
  // Only for a row this reader's query had: the row before it is judged as well.
  if (change.kind === 'leave' || after === null) return { op: 'leave', key }
  const visible = plan.rows.mask(after, context)
  if (visible === 'ask-database') return 'ask-database'
  const sort = sortOf(plan, visible)
  if (sort === 'ask-database') return sort
  if (change.kind !== 'update') return { op: 'enter', key, row: presentRow(plan.rows.model, visible, plan.fields), ...sort }
  const changed = new Set([...change.changed].filter((name) => plan.fields.has(name)))
  const isMoved = plan.sort !== undefined && [...change.changed].some((name) => plan.sort?.fields.has(name))
  // A change only in fields that the reader does not get sends nothing.
  if (changed.size === 0) return isMoved ? { op: 'move', key, ...sort } : undefined
  const set = presentRow(plan.rows.model, visible, changed)
  return isMoved ? { op: 'update', key, set, ...sort } : { op: 'update', key, set }
}

function sortOf(plan: IncrementalPlan, row: StoredRow): { sort?: string } | 'ask-database' {
  if (plan.sort === undefined) return {}
  const sort = plan.sort.sortKey(row)
  return sort === undefined ? 'ask-database' : { sort }
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
