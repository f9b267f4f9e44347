import { compileRowPlan, transition, type Auth } from '@zenstack-live/access'
import { ExpressionUtils as E } from '@zenstackhq/schema'
import { StoredJson, type StoredRow } from '@zenstack-live/model'
import { Decimal } from 'decimal.js'
import { describe, expect, it } from 'vitest'
import { allow, allowField, createWorld } from './support/world.ts'

const isOwner = E.binary(E.member(E.call('auth'), ['id']), '==', E.field('ownerId'))
const data = createWorld(
  {
    User: { fields: { id: { type: 'Int', column: 'int4', id: true } } },
    Task: {
      fields: {
        id: { type: 'Int', column: 'int4', id: true },
        ownerId: { type: 'Int', column: 'int4' },
        isOpen: { type: 'Boolean', column: 'bool' },
        price: { type: 'Decimal', column: 'numeric' },
        salary: { type: 'Int', column: 'int4', optional: true, attributes: [allowField(isOwner)] },
        notes: { type: 'String', column: 'text', array: true, attributes: [allowField(isOwner)] },
        data: { type: 'Json', column: 'jsonb', optional: true },
      },
      attributes: [allow(E.binary(isOwner, '||', E.field('isOpen')))],
    },
  },
  { authType: 'User' },
)
const plan = compileRowPlan(data, { model: 'Task', where: { price: { gt: 0 } }, isPolicyOn: true })
const row: StoredRow = { id: 1, ownerId: 1, isOpen: true, price: new Decimal('1.10'), salary: 5, notes: ['a'], data: null }
const as = (id: number | undefined): { auth: Auth; now: number } => ({ auth: id === undefined ? null : { id }, now: 0 })

describe('a change of a row', () => {
  it('enters when only the row after it belongs to the answer', () => {
    expect(transition(plan, null, row, as(2))).toEqual({ kind: 'enter' })
    expect(transition(plan, { ...row, isOpen: false }, row, as(2))).toEqual({ kind: 'enter' })
    expect(transition(plan, { ...row, price: new Decimal(0) }, row, as(2))).toEqual({ kind: 'enter' })
  })

  it('leaves when only the row before it belonged to the answer', () => {
    expect(transition(plan, row, null, as(2))).toEqual({ kind: 'leave' })
    expect(transition(plan, row, { ...row, isOpen: false }, as(2))).toEqual({ kind: 'leave' })
  })

  it('is nothing to those who see neither', () => {
    const hidden = { ...row, isOpen: false }
    expect(transition(plan, hidden, { ...hidden, salary: 6 }, as(2))).toEqual({ kind: 'none' })
    expect(transition(plan, hidden, null, as(undefined))).toEqual({ kind: 'none' })
  })

  it('updates the fields that the reader sees change', () => {
    expect(transition(plan, row, { ...row, salary: 6 }, as(1))).toEqual({ kind: 'update', changed: new Set(['salary']), isRekeyed: false })
  })

  it('is nothing where it shows only in fields the reader may not see', () => {
    expect(transition(plan, row, { ...row, salary: 6 }, as(2))).toEqual({ kind: 'none' })
  })

  it('is nothing where a value is only written in another way', () => {
    expect(transition(plan, row, { ...row, price: new Decimal('1.1') }, as(1))).toEqual({ kind: 'none' })
  })

  it.each<[string, StoredRow, StoredRow]>([
    ['a list that is NULL becomes empty', { notes: null }, { notes: [] }],
    ['an empty list is kept back', { notes: [] }, { notes: ['a'], ownerId: 2 }],
    ['NULL becomes the null of JSON', { data: null }, { data: new StoredJson('null') }],
  ])('is nothing where %s, in what it shows', (_, had, has) => {
    const change = transition(plan, { ...row, ...had, salary: null }, { ...row, ...has, salary: null }, as(1))
    expect(change.kind === 'update' ? [...change.changed].filter((name) => name !== 'ownerId') : []).toEqual([])
  })

  it('says so when the key moves', () => {
    expect(transition(plan, row, { ...row, id: 2 }, as(2))).toEqual({ kind: 'update', changed: new Set(['id']), isRekeyed: true })
  })

  it('shows a field that becomes readable as changed', () => {
    expect(transition(plan, { ...row, ownerId: 2 }, row, as(1))).toEqual({
      kind: 'update',
      changed: new Set(['ownerId', 'salary', 'notes']),
      isRekeyed: false,
    })
  })

  it('asks the database when a value it depends on is not known', () => {
    const { isOpen: _, ...unknown } = row
    expect(transition(plan, unknown, row, as(2))).toEqual({ kind: 'ask-database' })
    // The owner sees the row whatever that value is, but not what it became.
    expect(plan.decide(unknown, as(1))).toBe(true)
    expect(transition(plan, unknown, row, as(1))).toEqual({ kind: 'ask-database' })
  })

  it('asks the database when auth() does not fit its type', () => {
    expect(plan.decide(row, { auth: { id: 'one' }, now: 0 })).toBe('ask-database')
  })
})
