import { compileRowPlan } from '@zenstack-live/access'
import { createDatabase } from '@zenstack-live/testing'
import { loadSchema, openOracle, rowsOf } from '@zenstack-live/testing/oracle'
import { Decimal } from 'decimal.js'
import { expect, inject, it } from 'vitest'

const CASES: readonly (readonly [rule: string, f: string | null, d: string, answer: number[] | 'error'])[] = [
  ['f == d', '1.5', '1.50', [1]],
  ['f == d', 'Infinity', '1e400', 'error'],
  ['f == d', '0', '1e-400', 'error'],
  ['d > f', '1', '-1e400', 'error'],
  ['f == d', null, '1e400', 'error'],
  ['f < d', '1', '1e308', [1]],
  ['f == d', 'Infinity', 'Infinity', [1]],
  ['d in auth().prices', null, '1.5', [1]],
  ['d in auth().prices', null, '1e400', 'error'],
  ['f == auth().money', '1', '1', 'error'],
]

it.each(CASES)(
  'compares a double with what Postgres can cast to one, and leaves the rest to it: %s with f = %s and d = %s',
  async (rule, f, d, answer) => {
    const schema = await loadSchema(`
    model User { id Int @id money Decimal? prices Float[] @@auth @@allow('all', true) }
    model Bid { id Int @id f Float? d Decimal? @@allow('read', ${rule}) }`)
    const oracle = await openOracle(await createDatabase(inject('postgresUrl')), schema)
    // As ZenStack makes it, a Decimal has 30 digits after the point.
    await oracle.pool.query('ALTER TABLE "Bid" ALTER d TYPE numeric')
    await oracle.insert('"Bid"', ['id', 'f', 'd'], [['1', f, d]])
    const rows = (await oracle.capture())('public.Bid')
    const data = await oracle.dataModel(schema)
    const auth = { id: 1, money: new Decimal('1e400'), prices: [1.5, 2.5] }
    const client = oracle.client(schema).$setAuth(auth) as unknown as { bid: { findMany(args: object): Promise<{ id: number }[]> } }
    const found = await client.bid.findMany({ select: { id: true } }).then(
      (records) => records.map(({ id }) => id),
      () => 'error',
    )
    const plan = compileRowPlan(data, { model: 'Bid', isPolicyOn: true })
    const verdicts = rowsOf(data, 'Bid', rows).map(({ row }) => plan.decide(row, { auth, now: 0 }))
    expect([found, verdicts]).toEqual([answer, [answer === 'error' ? 'ask-database' : answer.length > 0]])
    await oracle.close()
  },
)
