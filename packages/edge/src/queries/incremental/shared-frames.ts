import type { DecisionContext } from '@zenstack-live/access'
import type { ResultOperation } from '@zenstack-live/protocol'
import { wireKey } from '../answer-rows.ts'
import { EffectJudge } from './effect-judge.ts'
import type { IncrementalPlan } from './incremental-plan.ts'
import type { Keys } from '../../keys.ts'
import type { Metrics } from '../../operations/metrics.ts'
import type { PlannedQuery } from '../plan-query.ts'
import { createRowKinds, type LastVerdict } from './row-kinds.ts'
import { changeFrame } from '../snapshot-frames.ts'
import type { RowEffect, Transaction } from '../../log/transaction.ts'
import type { Octets } from '../../streams/octets.ts'

/** The frame of a transaction for one plan, as one identity gets it; `undefined` is nothing, `ask-database` that memory cannot tell. */
export type FrameFor = (effects: readonly RowEffect[], context: DecisionContext, last: LastVerdict) => Octets | 'ask-database' | undefined

/**
 * Frames of the newest transaction. Many identities ask the same question, and most see the same of one change: it is judged for
 * each, but what it looks like is made once for each set of fields that somebody sees. Nothing else can make two frames of one plan
 * differ, so nobody gets what was made for another's eyes.
 */
export function createSharedFrames(
  keys: Keys,
  metrics: Metrics,
): (planned: PlannedQuery, plan: IncrementalPlan, transaction: Transaction) => FrameFor {
  let newest: Transaction | undefined
  /** Thousands ask the same, one after the other. */
  let last: { readonly planned: PlannedQuery; readonly frameFor: FrameFor } | undefined
  const kinds = new WeakMap<PlannedQuery, ReturnType<typeof createRowKinds>>()
  let byPlan = new Map<PlannedQuery, FrameFor>()
  return (planned, plan, transaction) => {
    if (transaction !== newest) {
      // Another one: a table that is cleared keeps what it held, and the next table, until a full collection.
      byPlan = new Map()
      last = undefined
      newest = transaction
    }
    if (last?.planned === planned) return last.frameFor
    const kindOf = kinds.get(planned) ?? createRowKinds(plan.rows)
    kinds.set(planned, kindOf)
    const frameFor = byPlan.get(planned) ?? framesOf({ keys, metrics, planned, plan, transaction, kindOf })
    byPlan.set(planned, frameFor)
    last = { planned, frameFor }
    return frameFor
  }
}

interface Of {
  keys: Keys
  metrics: Metrics
  planned: PlannedQuery
  plan: IncrementalPlan
  transaction: Transaction
  kindOf: ReturnType<typeof createRowKinds>
}

function framesOf({ keys, metrics, planned, plan, transaction, kindOf }: Of): FrameFor {
  const judges = new Map<RowEffect, EffectJudge>()
  const frames = new Map<ResultOperation | string, Octets>()
  /** Equal operations are one object: numbers name them. */
  const numbers = new Map<ResultOperation, number>()
  // Those of the one before: mostly the next one's too.
  let lastJudge: EffectJudge | undefined
  let lastAlone: { readonly operation: ResultOperation; readonly frame: Octets } | undefined

  const judgeOf = (effect: RowEffect): EffectJudge => {
    if (lastJudge?.effect === effect) return lastJudge
    lastJudge = judges.get(effect) ?? new EffectJudge(plan, effect, wireKey(keys, planned, effect.key), kindOf)
    judges.set(effect, lastJudge)
    return lastJudge
  }
  const numberOf = (operation: ResultOperation): number => {
    const number = numbers.get(operation) ?? numbers.size
    numbers.set(operation, number)
    return number
  }
  const frameOf = (name: ResultOperation | string, operations: readonly ResultOperation[]): Octets => {
    const known = frames.get(name)
    if (known !== undefined) metrics.framesShared++
    const frame = known ?? changeFrame(planned.q, transaction.place, operations)
    frames.set(name, frame)
    return frame
  }
  const frameOfOne = (operation: ResultOperation): Octets => {
    if (lastAlone?.operation === operation) metrics.framesShared++
    else lastAlone = { operation, frame: frameOf(operation, [operation]) }
    return lastAlone.frame
  }

  return (effects, context, last) => {
    // Most transactions do one thing to a query: no list is made for that.
    let alone: ResultOperation | undefined
    let operations: ResultOperation[] | undefined
    for (const effect of effects) {
      if (effect.model !== plan.rows.model) continue
      const judgement = judgeOf(effect).judge(context, last)
      if (judgement === 'ask-database') return judgement
      if (judgement === undefined) continue
      if (alone === undefined) alone = judgement
      else (operations ??= [alone]).push(judgement)
    }
    if (operations !== undefined) return frameOf(operations.map(numberOf).join(), operations)
    return alone === undefined ? undefined : frameOfOne(alone)
  }
}
