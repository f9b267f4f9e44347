import { compileRowPlan, compileSort } from '@zenstack-live/access'
import { createDatabase } from '@zenstack-live/testing'
import { loadSchema, openOracle, rowsOf } from '@zenstack-live/testing/oracle'
import pg from 'pg'
import { expect, inject, it } from 'vitest'

const ZMODEL = `model Word { id Int @id text String? @@allow('read', true) }`
const WORDS = ['a', 'é', 'É', 'Σ', 'σ', '€']

type Client = { word: { findMany(args: object): Promise<{ id: number }[]> } }

it('ignoring case, maps a parameter by the letters of the database and a column by those of its own collation', async () => {
  const schema = await loadSchema(ZMODEL)
  const oracle = await openOracle(await createDatabase(inject('postgresUrl')), schema)
  // To this collation only ASCII has cases.
  await oracle.pool.query('ALTER TABLE "Word" ALTER text TYPE text COLLATE "C"')
  await oracle.insert(
    '"Word"',
    ['id', 'text'],
    WORDS.map((word, index) => [String(index), word]),
  )
  const rows = (await oracle.capture())('public.Word')
  const data = await oracle.dataModel(schema)
  const client = oracle.client(schema) as unknown as Client
  const filters: [filter: object, answer: number[]][] = [
    [{ equals: 'É' }, [1]],
    [{ in: ['Σ', 'A'] }, [0, 4]],
    [{ gte: 'É' }, [1, 3, 4, 5]],
    [{ contains: 'É' }, [2]],
  ]
  for (const [filter, answer] of filters) {
    const where = { text: { ...filter, mode: 'insensitive' } }
    const found = await client.word.findMany({ where, select: { id: true }, orderBy: { id: 'asc' } })
    const plan = compileRowPlan(data, { model: 'Word', where, isPolicyOn: true })
    const decided = rowsOf(data, 'Word', rows).filter(({ row }) => plan.decide(row, { auth: null, now: 0 }) === true)
    expect([filter, found.map(({ id }) => id), decided.map(({ key }) => Number(key))]).toEqual([filter, answer, answer])
  }
  await oracle.close()
})

it('leaves all to the database where its encoding is not UTF-8: that has an order and limits of its own', async () => {
  const url = new URL(await createDatabase(inject('postgresUrl')))
  const setup = new pg.Client(url.href)
  await setup.connect()
  const name = url.pathname.slice(1).split('').toReversed().join('')
  await setup.query(`CREATE DATABASE "${name}" TEMPLATE template0 ENCODING 'LATIN9' LOCALE 'C'`)
  await setup.end()
  url.pathname = `/${name}`
  const schema = await loadSchema(ZMODEL)
  const oracle = await openOracle(url.href, schema)
  await oracle.insert(
    '"Word"',
    ['id', 'text'],
    [
      ['1', 'é'],
      ['2', '€'],
    ],
  )
  const client = oracle.client(schema) as unknown as Client
  // By code points it is the other way around.
  expect(await client.word.findMany({ where: { text: { lt: 'é' } }, select: { id: true } })).toEqual([{ id: 2 }])
  await expect(client.word.findMany({ where: { text: 'Σ' } })).rejects.toThrow()
  const data = await oracle.dataModel(schema)
  const plan = compileRowPlan(data, { model: 'Word', where: { text: { lt: 'é' } }, isPolicyOn: true })
  expect([plan.isLocal, plan.decide({ id: 2, text: '€' }, { auth: null, now: 0 })]).toEqual([false, 'ask-database'])
  expect(compileSort(data, 'Word', { text: 'asc' })).toBe('ask-database')
  await oracle.close()
})

it('knows collations by whatever they are called', async () => {
  const schema = await loadSchema(ZMODEL)
  const oracle = await openOracle(await createDatabase(inject('postgresUrl')), schema)
  await oracle.pool.query('CREATE SCHEMA "of.mine"')
  for (const name of ['"my.own"', '"of.mine"."my ""own"""']) {
    await oracle.pool.query(`CREATE COLLATION ${name} FROM "C"`)
    await oracle.pool.query(`ALTER TABLE "Word" ALTER text TYPE text COLLATE ${name}`)
    const text = (await oracle.dataModel(schema)).models.get('Word')?.fields.get('text')
    expect(text?.collation).toMatchObject({ locale: 'C', isDeterministic: true, lowerCase: { A: 'a' } })
  }
  await oracle.close()
})
