import type { RowPlan, Transition } from '@zenstack-live/access'
import type { StoredRow } from '@zenstack-live/model'
import { contextOf, describeRow, finder, planOf, type Case, type KeyedRow } from './judge-case.ts'
import type { Access, Judgement } from './judge-question.ts'
import { show } from './show.ts'

type ShownRow = Readonly<Record<string, unknown>>

/** A question asked of the database before some writes and after them, and what the stream told of the writes. */
export interface ChangeCase {
  readonly before: Moment
  readonly after: Moment
  readonly changes: readonly { readonly before: KeyedRow | null; readonly after: KeyedRow | null }[]
  readonly uses: readonly string[]
}

export interface Moment extends Case {
  /** What ZenStack shows of each row it returned. */
  readonly shown: ReadonlyMap<string, ShownRow>
}

/** Lets memory say what each change means to the reader, and compares it with what ZenStack showed before and after. */
export function judgeChange(access: Access, { before, after, changes }: ChangeCase): Judgement {
  const plan = planOf(access, after)
  const [contextBefore, context] = [contextOf(access, before, plan), contextOf(access, after, plan)]
  const finders = [finder(access, before, plan, contextBefore), finder(access, after, plan, context)]
  const isError = before.expected === 'error' || after.expected === 'error'
  const judgement: Judgement = { decided: 0, asked: 0, errors: isError ? changes.length : 0, mismatches: [] }
  for (const change of changes) {
    const [was, is] = [change.before?.row ?? null, change.after?.row ?? null]
    const said = access.transition(plan, was, is, context, contextBefore)
    if (said.kind === 'ask-database') {
      judgement.asked++
      continue
    }
    judgement.decided++
    const isLost = said.kind !== 'none' && !finders.some((isFound) => isFound(was, is))
    const wrong = isLost
      ? 'the index does not find it'
      : isError
        ? `ZenStack fails, memory says ${said.kind}`
        : wrongIn(said, plan, was, is, shownOf(before, after, change))
    if (wrong === undefined) continue
    const keys = `${change.before?.key ?? 'none'} to ${change.after?.key ?? 'none'}`
    judgement.mismatches.push(
      `${after.title} change ${keys}: ${wrong}\n    ${was === null ? '' : describeRow(was, plan)}\n    ${is === null ? '' : describeRow(is, plan)}`,
    )
  }
  return judgement
}

interface Shown {
  readonly had: ShownRow | undefined
  readonly has: ShownRow | undefined
  readonly isRekeyed: boolean
}

export function shownOf(before: Moment, after: Moment, change: ChangeCase['changes'][number]): Shown {
  const [old, now] = [change.before?.key ?? '', change.after?.key ?? '']
  return { had: before.shown.get(old), has: after.shown.get(now), isRekeyed: old !== now }
}

/** What a change means by what ZenStack showed. An update that it does not show is nothing. */
export function kindOf({ had, has }: Shown): Exclude<Transition['kind'], 'ask-database'> {
  if (had === undefined) return has === undefined ? 'none' : 'enter'
  if (has === undefined) return 'leave'
  return Object.keys(has).some((name) => show(had[name]) !== show(has[name])) ? 'update' : 'none'
}

function wrongIn(said: Transition, plan: RowPlan, was: StoredRow | null, is: StoredRow | null, shown: Shown): string | undefined {
  const kind = kindOf(shown)
  const { had = {}, has = {} } = shown
  // Values may be others that show as the same: microseconds, the two zeros of floats, lists that are NULL.
  const isUnseen = said.kind === 'update' && kind === 'none' && shown.had !== undefined
  if (said.kind !== kind && !isUnseen) return `ZenStack ${kind}, memory ${said.kind}`
  if (said.kind !== 'update') return undefined
  if (said.isRekeyed !== shown.isRekeyed) return `the key ${shown.isRekeyed ? 'moved' : 'stayed'}, memory says otherwise`
  for (const name of plan.model.fields.keys()) {
    const isOther = show(had[name]) !== show(has[name])
    // A list of nothing that becomes readable shows as the one of nothing that it was while it was hidden.
    if (said.changed.has(name) && show(was?.[name]) === show(is?.[name]) && !isOther && !isBlank(has[name]))
      return `memory says that "${name}" changed, which did not`
    if (isOther && !said.changed.has(name)) return `ZenStack shows another "${name}", memory does not`
    // Of a value that is hidden nothing must be said, not even that it changed.
    const isHidden = isBlank(has[name]) && !(isBlank(was?.[name]) && isBlank(is?.[name]))
    if (!isOther && isHidden && said.changed.has(name)) return `memory says that the hidden "${name}" changed`
  }
  return undefined
}

function isBlank(value: unknown): boolean {
  return value === null || value === undefined || (Array.isArray(value) && value.length === 0)
}
