import { isSameValue, looksSame, type DecisionContext, type Verdict } from '@zenstack-live/access'
import { presentRow, type Model, type StoredRow } from '@zenstack-live/model'
import type { ResultOperation, RowKey } from '@zenstack-live/protocol'
import type { IncrementalPlan } from './incremental-plan.ts'
import type { LastVerdict, RowKind } from './row-kinds.ts'
import { watchIdentity } from './watch-identity.ts'
import type { RowEffect } from '../../log/transaction.ts'

/** What one effect does to the result of one identity; `undefined` is nothing, `ask-database` that memory cannot tell. */
export type Judgement = ResultOperation | 'ask-database' | undefined

/**
 * Judges one effect under one plan for many identities. What no identity can change is found out once: which fields differ, and
 * whether the decision reads any of them. What is sent is made once for each way in which the row may look: equal outcomes are
 * the very same operation.
 */
export class EffectJudge {
  readonly effect: RowEffect
  readonly #plan: IncrementalPlan
  readonly #key: RowKey
  /** Shown or ordered by, and not readable by everybody. */
  readonly #guarded: readonly string[]
  /** Fields of an update whose stored values differ; `undefined` when a value is known on one side only. */
  readonly #changed: ReadonlySet<string> | undefined
  /** Nothing that decisions read differs: what held of the row before holds of the row after, for everyone. */
  readonly #isSteady: boolean
  /** One of the guarded fields may show another value after than before, or has a part in the row's new place. */
  readonly #isMaskNeeded: boolean
  readonly #operations = new Map<string, Judgement>()
  /** An update that looks the same to everyone who sees the row. */
  #plainUpdate: { judgement: Judgement } | undefined
  #isAskedOnce = false
  #ofEverybody: { judgement: Judgement } | undefined

  readonly #kindBefore: RowKind | undefined
  readonly #kindAfter: RowKind | undefined

  /** @param kindOf - names rows that are alike to the plan's decision */
  constructor(plan: IncrementalPlan, effect: RowEffect, key: RowKey, kindOf: (row: StoredRow | null) => RowKind | undefined = () => undefined) {
    this.#plan = plan
    this.effect = effect
    this.#key = key
    const { before, after } = effect
    this.#kindBefore = kindOf(before)
    this.#kindAfter = kindOf(after)
    this.#guarded = [...plan.rows.guardedFields].filter((name) => plan.fields.has(name) || plan.sort?.fields.has(name) === true)
    this.#changed = before === null || after === null ? undefined : changedFields(plan, before, after)
    this.#isSteady = before !== null && after !== null && isSameIn(plan.rows.fields, before, after)
    const isChanged = (name: string): boolean => this.#changed?.has(name) === true
    // A place is made of all fields of the order, whichever of them changed.
    const order = plan.sort?.fields ?? new Set<string>()
    const isMoved = [...order].some(isChanged)
    this.#isMaskNeeded = !this.#isSteady || this.#guarded.some((name) => isChanged(name) || (isMoved && order.has(name)))
  }

  /** @param last - what this identity was told last, of whatever effect of this plan; kept up */
  judge(context: DecisionContext, last?: LastVerdict): Judgement {
    if (this.#ofEverybody !== undefined) return this.#ofEverybody.judgement
    if (this.#isAskedOnce) return this.#judge(context, last)
    this.#isAskedOnce = true
    // Without what is remembered: that was found out by looking at who asks.
    const { decided, wasRead } = watchIdentity(context, (watched) => this.#judge(watched, undefined))
    // Decided without a look at who it is for: so it is for everybody.
    if (!wasRead) this.#ofEverybody = { judgement: decided }
    return decided
  }

  #judge(context: DecisionContext, last: LastVerdict | undefined): Judgement {
    const { before, after } = this.effect
    const is: Verdict = after === null ? false : this.#decide(after, this.#kindAfter, context, last)
    if (is === 'ask-database') return is
    // The row before it is judged as well: only a row that this reader's query had can leave it.
    const was: Verdict = before === null ? false : this.#isSteady ? is : this.#decide(before, this.#kindBefore, context, last)
    if (was === 'ask-database') return was
    if (after === null || !is) return was || !this.#plan.checksLeaves ? this.#leave() : undefined
    return !was || before === null ? this.#enter(after, context) : this.#update(before, after, context)
  }

  #decide(row: StoredRow, kind: RowKind | undefined, context: DecisionContext, last: LastVerdict | undefined): Verdict {
    if (last === undefined || kind === undefined) return this.#plan.rows.decide(row, context)
    if (last.kind !== kind) {
      last.verdict = this.#plan.rows.decide(row, context)
      last.kind = kind
    }
    return last.verdict
  }

  #leave(): Judgement {
    return this.#once('leave', () => ({ op: 'leave', key: this.#key }))
  }

  #enter(after: StoredRow, context: DecisionContext): Judgement {
    const visible = this.#guarded.length === 0 ? after : this.#plan.rows.mask(after, context)
    if (visible === 'ask-database') return visible
    return this.#once(`enter ${this.#look(after, visible)}`, () => {
      const sort = this.#sortOf(visible)
      const { rows, fields } = this.#plan
      // A text may look like what stands for one that is not told.
      for (const name of fields) if (visible[name] === undefined) return 'ask-database'
      return sort === 'ask-database' ? sort : { op: 'enter', key: this.#key, row: presentRow(rows.model, visible, fields), ...sort }
    })
  }

  #update(before: StoredRow, after: StoredRow, context: DecisionContext): Judgement {
    if (this.#changed === undefined) return 'ask-database'
    if (this.#guarded.length === 0 || !this.#isMaskNeeded) return (this.#plainUpdate ??= { judgement: this.#updateOf(before, after) }).judgement
    return this.#maskedUpdate(before, after, context)
  }

  #maskedUpdate(before: StoredRow, after: StoredRow, context: DecisionContext): Judgement {
    const [had, has] = [this.#plan.rows.mask(before, context), this.#plan.rows.mask(after, context)]
    if (had === 'ask-database' || has === 'ask-database') return 'ask-database'
    return this.#once(`update ${this.#look(before, had)} ${this.#look(after, has)}`, () => this.#updateOf(had, has))
  }

  /** A change only in fields that the reader does not get sends nothing. */
  #updateOf(had: StoredRow, has: StoredRow): Judgement {
    const { rows, fields, sort: order } = this.#plan
    const isChanged = (name: string): boolean =>
      this.#guarded.includes(name) ? !isAlike(rows.model, name, had, has) : this.#changed?.has(name) === true
    const changed = new Set([...fields].filter(isChanged))
    const isMoved = order !== undefined && [...order.fields].some(isChanged)
    const sort = isMoved ? this.#sortOf(has) : {}
    if (sort === 'ask-database') return sort
    if (changed.size > 0) return { op: 'update', key: this.#key, set: presentRow(rows.model, has, changed), ...sort }
    return isMoved ? { op: 'move', key: this.#key, ...sort } : undefined
  }

  #sortOf(row: StoredRow): { sort?: string } | 'ask-database' {
    const order = this.#plan.sort
    if (order === undefined) return {}
    const sort = order.sortKey(row)
    return sort === undefined ? 'ask-database' : { sort }
  }

  #once(outcome: string, make: () => Judgement): Judgement {
    const known = this.#operations.get(outcome)
    if (known !== undefined || this.#operations.has(outcome)) return known
    const made = make()
    this.#operations.set(outcome, made)
    return made
  }

  /** Which of the guarded fields show their values: all that can make the row look different to two identities. */
  #look(row: StoredRow, visible: StoredRow): string {
    let look = ''
    for (const name of this.#guarded) look += visible[name] === row[name] ? '1' : '0'
    return look
  }
}

/** Of the fields that are shown or ordered by. */
function changedFields(plan: IncrementalPlan, before: StoredRow, after: StoredRow): ReadonlySet<string> | undefined {
  const changed = new Set<string>()
  for (const name of [...plan.fields, ...(plan.sort?.fields ?? [])]) {
    const [old, now] = [before[name], after[name]]
    if ((old === undefined) !== (now === undefined)) return undefined
    if (old !== undefined && now !== undefined && !isAlike(plan.rows.model, name, before, after)) changed.add(name)
  }
  return changed
}

/** To who reads the field. */
function isAlike(model: Model, name: string, had: StoredRow, has: StoredRow): boolean {
  const field = model.fields.get(name)
  return field !== undefined && looksSame(field, had[name] ?? null, has[name] ?? null)
}

function isSameIn(names: ReadonlySet<string>, before: StoredRow, after: StoredRow): boolean {
  for (const name of names) {
    const [old, now] = [before[name], after[name]]
    if (old === undefined || now === undefined || !isSameValue(old, now)) return false
  }
  return true
}
