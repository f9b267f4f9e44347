import { compileRowPlan, type KeySet, type RowPlan } from '@zenstack-live/access'
import type { DataModel, StoredRow } from '@zenstack-live/model'
import type { Client } from '@zenstack-live/testing/oracle'
import { show } from '../oracle/show.ts'
import type { Access } from '../oracle/judge-question.ts'
import type { Finder } from '../where/ask-filter.ts'

type Auth = Readonly<Record<string, unknown>> | null
/** Records by the set they make. */
export type LoadedSets = ReadonlyMap<string, readonly Record<string, unknown>[]>

/** Loads what `KeySetSpec.where` says, as the edge does. */
export async function loadKeySets(client: Client, data: DataModel, model: string, auth: Auth): Promise<LoadedSets> {
  const bare = client.$unuseAll() as unknown as Finder
  const loaded = new Map<string, readonly Record<string, unknown>[]>()
  for (const spec of compileRowPlan(data, { model, isPolicyOn: true }).keySets) {
    const where = spec.where(auth)
    const select = Object.fromEntries(spec.selectFields.map((field) => [field, true]))
    if (where !== undefined) loaded.set(spec.id, (await bare[spec.model.name]?.findMany({ where, select })) ?? [])
  }
  return loaded
}

export interface MemberChange {
  readonly before: StoredRow | null
  readonly after: StoredRow | null
}

/** The sets after some changes, from the database. Those kept by the stream must be the same. */
export function keySetsOf(
  access: Access,
  plan: RowPlan,
  before: LoadedSets,
  changes: readonly MemberChange[],
  after: LoadedSets,
  auth: Auth,
): Map<string, KeySet> {
  const sets = new Map<string, KeySet>()
  for (const spec of plan.keySets) {
    const [old, now] = [before.get(spec.id), after.get(spec.id)]
    if (old === undefined || now === undefined) continue
    const fromStream = new access.KeySet(spec, old)
    const fromDatabase = new access.KeySet(spec, now)
    const isKept = changes.every((change) => fromStream.apply(change.before, change.after, { auth, now: 0 }) !== 'ask-database')
    const [streamed, loaded] = [[...fromStream.keys()].sort().join(), [...fromDatabase.keys()].sort().join()]
    if (isKept && streamed !== loaded) throw new Error(`Key set ${spec.id} as ${show(auth)}: the stream gives ${streamed}, the database ${loaded}`)
    sets.set(spec.id, fromDatabase)
  }
  return sets
}
