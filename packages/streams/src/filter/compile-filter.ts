import { compileRowPlan, type DecisionContext, type RowPlan } from '@zenstack-live/access'
import { keyOfRow, presentValue, type DataModel, type Model, type Relation, type StoredRow } from '@zenstack-live/model'
import type { RowExists } from './stream-client.ts'

/**
 * Decides whether one image of a row matches a `where`.
 *
 * What the row itself says is decided from the image, as the change stream gave it. What other rows say (relations, and what only
 * the database can decide) is asked of the database, as it is when the event is processed: through the image's own foreign key
 * where it holds one, so that it also works for rows that are gone; else through the row's key.
 */
export interface RowFilter {
  /** Whether the database has to be asked for some rows. */
  readonly mayAsk: boolean
  matches(row: StoredRow, context: DecisionContext): boolean | Promise<boolean>
}

export interface FilterScope {
  data: DataModel
  model: Model
  exists: RowExists
}

const ALL: RowFilter = { mayAsk: false, matches: () => true }

export function compileFilter(scope: FilterScope, where: unknown): RowFilter {
  if (!isObject(where) || Object.keys(where).length === 0) return ALL
  const plan = planOf(scope, where)
  const tree = plan.isLocal ? undefined : compileNode(scope, where, false)
  return {
    mayAsk: tree !== undefined,
    matches(row, context) {
      if (tree !== undefined) return tree(row, context)
      const verdict = plan.decide(row, context)
      // A value that was withheld or not sent.
      return verdict === 'ask-database' ? askByKey(scope, row, where) : verdict
    },
  }
}

type Node = (row: StoredRow, context: DecisionContext) => boolean | Promise<boolean>

/** The condition, or its negation. NOT is pushed down to the leaves: there SQL's NULL is neither. */
function compileNode(scope: FilterScope, where: Record<string, unknown>, isNegated: boolean): Node {
  const parts: Node[] = []
  for (const [key, value] of Object.entries(where)) {
    if (value === undefined) continue
    if (key === 'AND')
      parts.push(
        combine(
          listOf(value).map((item) => compileNode(scope, item, isNegated)),
          isNegated,
        ),
      )
    else if (key === 'OR')
      parts.push(
        combine(
          listOf(value).map((item) => compileNode(scope, item, isNegated)),
          !isNegated,
        ),
      )
    else if (key === 'NOT') {
      // NOT of a list is NOT of their conjunction; an empty one says nothing.
      const list = listOf(value)
      if (list.length > 0)
        parts.push(
          combine(
            list.map((item) => compileNode(scope, item, !isNegated)),
            !isNegated,
          ),
        )
    } else parts.push(compileMember(scope, key, value, isNegated))
  }
  return combine(parts, isNegated)
}

/** All of them, or any of them. */
function combine(nodes: readonly Node[], isAny: boolean): Node {
  if (nodes.length === 1 && nodes[0] !== undefined) return nodes[0]
  return (row, context) => {
    for (const [index, node] of nodes.entries()) {
      const result = node(row, context)
      if (typeof result !== 'boolean') return settle(nodes, index, result, isAny, row, context)
      if (result === isAny) return isAny
    }
    return !isAny
  }
}

async function settle(
  nodes: readonly Node[],
  at: number,
  first: Promise<boolean>,
  isAny: boolean,
  row: StoredRow,
  context: DecisionContext,
): Promise<boolean> {
  if ((await first) === isAny) return isAny
  for (const node of nodes.slice(at + 1)) if ((await node(row, context)) === isAny) return isAny
  return !isAny
}

function compileMember(scope: FilterScope, name: string, value: unknown, isNegated: boolean): Node {
  const relation = scope.model.relations.get(name)
  if (relation !== undefined && !relation.isList && relation.keyIn === 'own') return throughOwnKey(scope, relation, value, isNegated)
  const condition = isNegated ? { NOT: { [name]: value } } : { [name]: value }
  const plan = planOf(scope, condition)
  if (!plan.isLocal) return (row) => askByKey(scope, row, condition)
  return (row, context) => {
    const verdict = plan.decide(row, context)
    return verdict === 'ask-database' ? askByKey(scope, row, condition) : verdict
  }
}

/** `{ author: { … } }`, `{ author: null }`, `{ author: { is: …, isNot: … } }`: the related row is found by the key in the image. */
function throughOwnKey(scope: FilterScope, relation: Relation, value: unknown, isNegated: boolean): Node {
  const tests: { condition: unknown; isWanted: boolean }[] = []
  if (isObject(value) && ('is' in value || 'isNot' in value)) {
    if (value['is'] !== undefined) tests.push({ condition: value['is'], isWanted: true })
    if (value['isNot'] !== undefined) tests.push({ condition: value['isNot'], isWanted: false })
  } else tests.push({ condition: value, isWanted: true })
  const related = scope.data.models.get(relation.model)
  const nodes = tests.map(({ condition, isWanted }): Node => {
    const isAbsence = condition === null
    const expected = (isWanted !== isAbsence) !== isNegated
    return async (row) => {
      const key = keyOfRelated(scope.model, related, relation, row)
      if (key === 'unknown') return askByKey(scope, row, isNegated ? { NOT: { [relation.name]: value } } : { [relation.name]: value })
      if (key === null) return !expected
      return (await scope.exists(relation.model, isAbsence ? key : { AND: [key, condition] }, related?.idFields ?? [])) === expected
    }
  })
  return combine(nodes, isNegated)
}

function keyOfRelated(model: Model, related: Model | undefined, relation: Relation, row: StoredRow): Record<string, unknown> | null | 'unknown' {
  const key: Record<string, unknown> = {}
  for (const { own, other } of relation.pairs) {
    const value = row[own]
    const field = model.fields.get(own)
    if (value === undefined || field === undefined || related === undefined) return 'unknown'
    if (value === null) return null
    key[other] = presentValue(field, value)
  }
  return key
}

async function askByKey({ model, exists }: FilterScope, row: StoredRow, condition: unknown): Promise<boolean> {
  return exists(model.name, { AND: [keyOfRow(model, row), condition] }, model.idFields)
}

function planOf({ data, model }: FilterScope, where: unknown): RowPlan {
  return compileRowPlan(data, { model: model.name, where, isPolicyOn: false })
}

/** ZenStack drops members that say nothing before it combines the others. */
function listOf(value: unknown): Record<string, unknown>[] {
  const list: unknown[] = Array.isArray(value) ? value : [value]
  return list.filter(isObject).filter((item) => Object.values(item).some((member) => member !== undefined))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date) && !(value instanceof Uint8Array)
}
