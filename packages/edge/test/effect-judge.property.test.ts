import { isDeepStrictEqual } from 'node:util'
import { compileRowPlan, compileSort, transition, type DecisionContext, type RowPlan } from '@zenstack-live/access'
import { createDataModel, presentRow, type Catalog, type CatalogColumn, type StoredRow } from '@zenstack-live/model'
import { ExpressionUtils as E, type Expression, type SchemaDef } from '@zenstackhq/schema'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EffectJudge, type Judgement } from '../src/queries/incremental/effect-judge.ts'
import type { IncrementalPlan } from '../src/queries/incremental/incremental-plan.ts'
import { createRowKinds, type LastVerdict } from '../src/queries/incremental/row-kinds.ts'

const auth = (member: string): Expression => E.member(E.call('auth'), [member])
const allow = (name: '@allow' | '@@allow', condition: Expression) => ({
  name,
  args: [
    { name: 'operation', value: E.literal('read') },
    { name: 'condition', value: condition },
  ],
})
const text = (name: string, ...policies: Expression[]) => ({
  name,
  type: 'String',
  ...(policies.length === 0 ? {} : { attributes: policies.map((condition) => allow('@allow', condition)) }),
})

/** Rows, some of whose fields are not everybody's: one by who asks and whose row it is, a text and a list by the row alone. */
const SCHEMA = {
  provider: { type: 'postgresql' },
  models: {
    User: {
      name: 'User',
      fields: { id: { name: 'id', type: 'String', id: true } },
      idFields: ['id'],
      uniqueFields: { id: { type: 'String' } },
    },
    Doc: {
      name: 'Doc',
      fields: {
        id: { name: 'id', type: 'String', id: true },
        owner: text('owner'),
        state: text('state'),
        title: text('title'),
        secret: text('secret', E.binary(auth('id'), '==', E.field('owner'))),
        draft: text('draft', E.binary(E.field('state'), '==', E.literal('open'))),
        labels: { ...text('labels', E.binary(E.field('state'), '==', E.literal('open'))), array: true },
      },
      attributes: [
        allow('@@allow', E.binary(auth('id'), '==', E.field('owner'))),
        allow('@@allow', E.binary(E.field('state'), '!=', E.literal('hidden'))),
      ],
      idFields: ['id'],
      uniqueFields: { id: { type: 'String' } },
    },
  },
  authType: 'User',
  plugins: {},
} as const satisfies SchemaDef

const FIELDS = ['id', 'owner', 'state', 'title', 'secret', 'draft', 'labels']
const DATA = createDataModel(SCHEMA, catalog())

const value = fc.constantFrom('ann', 'bob', 'open', 'hidden', null)
const row = fc
  .record({ owner: value, state: value, title: value, secret: value, draft: value, labels: fc.constantFrom(null, [], ['ann']) })
  .map((values): StoredRow => ({ id: 'doc', ...values }))
const wheres = fc.constantFrom<Record<string, unknown> | undefined>(
  undefined,
  { state: 'open' },
  { secret: 'ann' },
  { NOT: { title: 'bob' } },
  { owner: null },
)
const shown = fc.subarray(FIELDS.slice(1)).map((names) => new Set(['id', ...names]))
const identities = fc.array(fc.constantFrom({ id: 'ann' }, { id: 'bob' }, { id: null }, null), { minLength: 1, maxLength: 6 })

describe('what one judge says to many', () => {
  it('is what each would be told alone, and the same object for all to whom the row looks the same', () => {
    fc.assert(
      fc.property(
        fc.option(row),
        fc.option(row),
        wheres,
        shown,
        fc.constantFrom(['id'], ['title'], ['draft'], ['draft', 'title'], ['title', 'secret']),
        identities,
        (before, after, where, names, order, people) => {
          const plan = planOf(where, names, order.every((name) => names.has(name)) ? order : ['id'])
          const effect = { model: plan.rows.model, key: 'doc', before, after }
          const judge = new EffectJudge(plan, effect, 'doc')
          for (const person of people) {
            const told = judge.judge({ auth: person, now: 0 })
            expect(told).toEqual(judgeAlone(plan, before, after, { auth: person, now: 0 }))
            expect(judge.judge({ auth: person === null ? null : { ...person }, now: 0 })).toBe(told)
          }
        },
      ),
      { numRuns: 1_000 },
    )
  })

  it('is the same when each remembers what was said of the last row that is alike', () => {
    const effects = fc.array(fc.tuple(fc.option(row), fc.option(row)), { minLength: 2, maxLength: 12 })
    fc.assert(
      fc.property(effects, wheres, shown, identities, (changes, where, names, people) => {
        const plan = planOf(where, names, ['id'])
        const kindOf = createRowKinds(plan.rows)
        const asking = people.map((person) => ({ context: { auth: person, now: 0 }, last: { kind: undefined, verdict: false } as LastVerdict }))
        for (const [before, after] of changes) {
          const judge = new EffectJudge(plan, { model: plan.rows.model, key: 'doc', before, after }, 'doc', kindOf)
          for (const { context, last } of asking) expect(judge.judge(context, last)).toEqual(judgeAlone(plan, before, after, context))
        }
      }),
      { numRuns: 500 },
    )
  })

  it('gives a row its new place without the values of fields that the reader may not read', () => {
    const plan = planOf(undefined, new Set(FIELDS), ['title', 'secret'])
    const before: StoredRow = { id: 'doc', owner: 'ann', state: 'open', title: 'a', secret: 'hush', draft: null, labels: null }
    const judge = new EffectJudge(plan, { model: plan.rows.model, key: 'doc', before, after: { ...before, title: 'b' } }, 'doc')
    const told = (id: string): string => JSON.stringify(judge.judge({ auth: { id }, now: 0 }))
    const place = (id: string): unknown => Reflect.get(Object(judge.judge({ auth: { id }, now: 0 })), 'sort')
    expect(told('bob')).not.toContain('hush')
    expect([place('ann'), place('bob')]).toEqual(['hush', null].map((secret) => plan.sort?.sortKey({ ...before, title: 'b', secret })))
  })

  it('looks at who asks only where the policies do', () => {
    const plan = planOf({ title: 'a' }, new Set(['id', 'title']), ['id'], false)
    let asked = 0
    const curious = (): DecisionContext => ({
      now: 0,
      get auth() {
        asked++
        return { id: 'ann' }
      },
    })
    const judge = new EffectJudge(plan, { model: plan.rows.model, key: 'doc', before: null, after: { id: 'doc', title: 'a' } }, 'doc')
    const first = judge.judge(curious())
    expect(first).toMatchObject({ op: 'enter', row: { title: 'a' } })
    expect(judge.judge(curious())).toBe(first)
    expect(asked).toBe(0)
  })
})

/** The slow way: every row judged and masked for this one identity. */
function judgeAlone(plan: IncrementalPlan, before: StoredRow | null, after: StoredRow | null, context: DecisionContext): Judgement {
  const change = transition(plan.rows, before, after, context)
  if (change.kind === 'none') return undefined
  if (change.kind === 'ask-database') return change.kind
  if (change.kind === 'leave' || after === null) return { op: 'leave', key: 'doc' }
  const visible = plan.rows.mask(after, context)
  if (visible === 'ask-database') return visible
  const sort = plan.sort?.sortKey(visible)
  if (sort === undefined) return 'ask-database'
  if (change.kind !== 'update') return { op: 'enter', key: 'doc', row: presentRow(plan.rows.model, visible, plan.fields), sort }
  const [had, has] = [plan.rows.mask(before ?? {}, context), visible].map((seen) => presentRow(plan.rows.model, seen as StoredRow, plan.fields))
  const changed = new Set([...plan.fields].filter((name) => !isDeepStrictEqual(had?.[name], has?.[name])))
  const moved = [...change.changed].some((name) => plan.sort?.fields.has(name)) ? { sort } : undefined
  if (changed.size === 0) return moved === undefined ? undefined : { op: 'move', key: 'doc', ...moved }
  return { op: 'update', key: 'doc', set: presentRow(plan.rows.model, visible, changed), ...moved }
}

function planOf(where: unknown, fields: ReadonlySet<string>, order: readonly string[], isPolicyOn = true): IncrementalPlan {
  const rows: RowPlan = compileRowPlan(DATA, { model: 'Doc', where, isPolicyOn })
  const sort = compileSort(
    DATA,
    'Doc',
    order.map((name) => ({ [name]: 'asc' })),
  )
  if (sort === 'ask-database') throw new Error(`The order by ${order.join()} is not known.`)
  return { rows, sort, fields, exactTimes: [], checksLeaves: true, interestOf: () => ({ branches: [] }), reachOf: () => ({ kind: 'open' }) }
}

function catalog(): Catalog {
  return {
    serverVersion: 180000,
    encoding: 'UTF8',
    timeZone: 'UTC',
    collations: { default: { provider: 'builtin', locale: 'C.UTF-8', isDeterministic: true, lowerCase: {} } },
    tables: { 'public.User': table('User', ['id']), 'public.Doc': table('Doc', FIELDS) },
  }
}

function table(name: string, columns: readonly string[]): Catalog['tables'][string] {
  const column = (each: string): CatalogColumn => ({
    name: each,
    type: 'text',
    typmod: -1,
    isArray: each === 'labels',
    isNullable: each !== 'id',
    isGenerated: false,
    collation: 'default',
  })
  return {
    schema: 'public',
    name,
    kind: 'table',
    persistence: 'permanent',
    replicaIdentity: 'full',
    uniqueKeys: [['id']],
    hasRowSecurity: false,
    columns: Object.fromEntries(columns.map((each) => [each, column(each)])),
    foreignKeys: [],
  }
}
