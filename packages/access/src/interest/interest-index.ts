import type { Field, Model, StoredRow, StoredScalar } from '@zenstack-live/model'
import { keyOfScalar, keysOfRow, placeOf, type Interest, type InterestBranch, type InterestKey, type KeysBranch } from './interest.ts'
import { createRangeTree, type RangeNode, type RangeTree } from './range-tree.ts'

/**
 * Finds the queries that a changed row can concern, without looking at the others. A change costs one look-up per *kind* of
 * filter that is in use on its model, however many queries there are, and then each query it finds.
 */
export interface InterestIndex<Item extends object> {
  readonly size: number
  /** Places looked at by the last `match`: hash buckets and tree nodes, the items found not counted. */
  readonly lastProbes: number
  add(model: Model, interest: Interest, item: Item): Registration<Item>
  remove(registration: Registration<Item>): void
  /** Calls `visit` once for every item that the row before or after the change may concern. */
  match(model: Model, before: StoredRow | null, after: StoredRow | null, visit: (item: Item) => void): void
}

/** What `add` gave, to be given to `remove`. */
export interface Registration<Item extends object> {
  readonly model: Model
  readonly item: Item
  /** Where the item stands; nowhere, when every row may concern it. */
  readonly places: readonly Place<Item>[]
}

type Place<Item extends object> =
  | { readonly group: KeyGroup<Item>; readonly keys: readonly InterestKey[] }
  | { readonly tree: RangeTree<Item>; readonly node: RangeNode<Item> }

/** Most buckets hold one query: a set is made for the second only. */
type Bucket<Item> = Item | Crowd<Item>
class Crowd<Item> extends Set<Item> {}

interface KeyGroup<Item> {
  readonly fields: readonly Field[]
  readonly isList: boolean
  readonly buckets: Map<InterestKey, Bucket<Item>>
}

interface RangeGroup<Item> {
  readonly field: Field
  readonly tree: RangeTree<Item>
}

interface ModelIndex<Item> {
  readonly keyGroups: Map<string, KeyGroup<Item>>
  readonly rangeGroups: Map<string, RangeGroup<Item>>
  /** Items that every row may concern. */
  readonly rest: Crowd<Item>
}

export function createInterestIndex<Item extends object>(): InterestIndex<Item> {
  const models = new Map<string, ModelIndex<Item>>()
  let size = 0
  let lastProbes = 0
  return {
    get size() {
      return size
    },
    get lastProbes() {
      return lastProbes
    },
    add(model, interest, item) {
      const index = indexOf(models, model)
      const places = interest.branches.map((branch) => addBranch(index, model, branch, item))
      if (places.length === 0) index.rest.add(item)
      size++
      return { model, item, places }
    },
    remove({ model, item, places }) {
      for (const place of places) {
        if ('tree' in place) place.tree.remove(place.node)
        else for (const key of place.keys) removeKey(place.group, key, item)
      }
      if (places.length === 0) models.get(model.name)?.rest.delete(item)
      size--
    },
    match(model, before, after, visit) {
      const index = models.get(model.name)
      lastProbes = 0
      if (index === undefined) return
      const find = once(visit)
      if (index.rest.size > 0) find(index.rest)
      for (const group of index.keyGroups.values()) lastProbes += matchKeys(group, before, after, find)
      for (const group of index.rangeGroups.values()) lastProbes += matchRange(group, before, after, find)
    },
  }
}

/** Takes what was found: a bucket, or one item. */
type Find<Item> = (bucket: Bucket<Item>) => void

/** More buckets than that are not looked through for each item. */
const MAX_BUCKETS = 4

/** Visits each item once. A bucket holds it once, and most changes find one bucket or two: no set is made for those. */
function once<Item>(visit: (item: Item) => void): Find<Item> {
  const buckets: Bucket<Item>[] = []
  let seen: Set<Item> | undefined
  const visitNew = (item: Item): void => {
    if (seen === undefined) {
      for (const bucket of buckets) if (bucket instanceof Crowd ? bucket.has(item) : bucket === item) return
    } else {
      if (seen.has(item)) return
      seen.add(item)
    }
    visit(item)
  }
  return (bucket) => {
    if (bucket instanceof Crowd) bucket.forEach(visitNew)
    else visitNew(bucket)
    if (seen === undefined && buckets.push(bucket) > MAX_BUCKETS) seen = new Set(buckets.flatMap((one) => (one instanceof Crowd ? [...one] : [one])))
  }
}

function indexOf<Item>(models: Map<string, ModelIndex<Item>>, model: Model): ModelIndex<Item> {
  let index = models.get(model.name)
  if (index === undefined) models.set(model.name, (index = { keyGroups: new Map(), rangeGroups: new Map(), rest: new Crowd() }))
  return index
}

function addBranch<Item extends object>(index: ModelIndex<Item>, model: Model, branch: InterestBranch, item: Item): Place<Item> {
  if (branch.kind === 'range') {
    const group = rangeGroupOf(index, model, branch.field)
    return { tree: group.tree, node: group.tree.add(branch.low ?? -Infinity, branch.high ?? Infinity, item) }
  }
  const group = keyGroupOf(index, model, branch)
  for (const key of branch.keys) addKey(group, key, item)
  return { group, keys: branch.keys }
}

function rangeGroupOf<Item>(index: ModelIndex<Item>, model: Model, name: string): RangeGroup<Item> {
  let group = index.rangeGroups.get(name)
  if (group === undefined) {
    const field = model.fields.get(name)
    if (field === undefined) throw new TypeError(`${model.name} has no field "${name}" to look queries up by.`)
    index.rangeGroups.set(name, (group = { field, tree: createRangeTree() }))
  }
  return group
}

function keyGroupOf<Item>(index: ModelIndex<Item>, model: Model, branch: KeysBranch): KeyGroup<Item> {
  // The commonest kind is named by its field alone: making names is what adding would spend most of its time on.
  const [only = ''] = branch.fields
  const name = branch.fields.length === 1 && !branch.isList ? only : `${branch.isList ? 'has' : 'is'} ${branch.fields.join()}`
  let group = index.keyGroups.get(name)
  if (group === undefined) {
    const fields = branch.fields.map((field) => model.fields.get(field)).filter((field) => field !== undefined)
    index.keyGroups.set(name, (group = { fields, isList: branch.isList, buckets: new Map() }))
  }
  return group
}

function addKey<Item>(group: KeyGroup<Item>, key: InterestKey, item: Item): void {
  const bucket = group.buckets.get(key)
  if (bucket === undefined) group.buckets.set(key, item)
  else if (bucket instanceof Crowd) bucket.add(item)
  else group.buckets.set(key, new Crowd<Item>([bucket, item]))
}

function removeKey<Item>(group: KeyGroup<Item>, key: InterestKey, item: Item): void {
  const bucket = group.buckets.get(key)
  if (bucket === item) group.buckets.delete(key)
  else if (bucket instanceof Crowd && bucket.delete(item) && bucket.size === 0) group.buckets.delete(key)
}

function matchKeys<Item>(group: KeyGroup<Item>, before: StoredRow | null, after: StoredRow | null, find: Find<Item>): number {
  const [only] = group.fields
  if (only !== undefined && group.fields.length === 1 && !group.isList) return matchKey(group, only, before, after, find)
  let probes = 0
  for (const row of [before, after]) {
    if (row === null) continue
    const keys = keysOfRow(group.fields, group.isList, row)
    if (keys === undefined) {
      for (const bucket of group.buckets.values()) find(bucket)
      return group.buckets.size
    }
    for (const key of keys) {
      probes++
      const bucket = group.buckets.get(key)
      if (bucket !== undefined) find(bucket)
    }
  }
  return probes
}

/** The commonest kind: one field, one value. An update that leaves it alone looks once. */
function matchKey<Item>(group: KeyGroup<Item>, field: Field, before: StoredRow | null, after: StoredRow | null, find: Find<Item>): number {
  const [old, now] = [before?.[field.name], after?.[field.name]]
  if ((before !== null && old === undefined) || (after !== null && now === undefined)) {
    for (const bucket of group.buckets.values()) find(bucket)
    return group.buckets.size
  }
  let probes = 0
  const keys = [
    before === null ? undefined : keyOfScalar(field, old as StoredScalar),
    after === null ? undefined : keyOfScalar(field, now as StoredScalar),
  ]
  if (keys[0] === keys[1]) keys.pop()
  for (const key of keys) {
    if (key === undefined) continue
    probes++
    const bucket = group.buckets.get(key)
    if (bucket !== undefined) find(bucket)
  }
  return probes
}

function matchRange<Item>(group: RangeGroup<Item>, before: StoredRow | null, after: StoredRow | null, find: Find<Item>): number {
  let probes = 0
  for (const row of [before, after]) {
    const value = row?.[group.field.name]
    // NULL lies in no range.
    if (row === null || value === null) continue
    const place = value === undefined ? undefined : placeOf(group.field, value)
    if (place === undefined) group.tree.visitAll(find)
    else probes += group.tree.visitAt(place, find)
  }
  return probes
}
