import { compileRowPlan, KeySet } from '@zenstack-live/access'
import type { DataModel } from '@zenstack-live/model'
import { createDatabase } from '@zenstack-live/testing'
import { loadSchema, openOracle, rowsOf, type Client, type Oracle } from '@zenstack-live/testing/oracle'
import type { RawRow } from '@zenstack-live/protocol'
import type { SchemaDef } from '@zenstackhq/schema'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { FACT_COLUMNS, FACT_FIELDS, FACT_ROWS, MODELS, POLICY_FACTS, READERS, WHERE_FACTS, type Answer, type Reader } from './support/facts.ts'

type Finder = Record<string, { findMany(args: unknown): Promise<{ id: number }[]> }>

let oracle: Oracle
let schema: SchemaDef
/** One for all: ZenStack makes its validators anew for every client. */
let zenstack: Client
let data: DataModel
let changes: RawRow[]

/** Everything is said of one table, under as many models as there are policies. */
function zmodel(): string {
  const rules = ["@@allow('read', true)", ...POLICY_FACTS.map(([, policy]) => policy)]
  const facts = rules.map(
    (rule, index) => `model Fact${index} {${FACT_FIELDS}
  owner User? @relation('owner${index}', fields: [ownerId], references: [id])
  space Space? @relation('space${index}', fields: [spaceId], references: [id])
  ${rule}
  @@map('fact') }`,
  )
  const user = rules.map((_, index) => `facts${index} Fact${index}[] @relation('owner${index}')`).join('\n')
  const space = rules.map((_, index) => `facts${index} Fact${index}[] @relation('space${index}')`).join('\n')
  return [MODELS.replace('$USER', user).replace('$SPACE', space), ...facts].join('\n')
}

async function fromZenStack(model: string, where: unknown, reader: Reader): Promise<Answer> {
  const client = zenstack.$setAuth(READERS[reader] ?? undefined) as unknown as Finder
  try {
    return ((await client[model]?.findMany({ where, select: { id: true }, orderBy: { id: 'asc' } })) ?? []).map(({ id }) => id)
  } catch {
    return 'error'
  }
}

/** What memory says of each row, the others left to the database. */
function fromMemory(model: string, where: unknown, reader: Reader, keySets: ReadonlyMap<string, KeySet>): { yes: number[]; asked: number[] } {
  const plan = compileRowPlan(data, { model, where, isPolicyOn: true })
  const verdicts = rowsOf(data, model, changes).map(
    ({ key, row }) => [Number(key), plan.decide(row, { auth: READERS[reader], now: Date.now(), keySets })] as const,
  )
  const having = (verdict: unknown): number[] =>
    verdicts
      .filter((each) => each[1] === verdict)
      .map(([id]) => id)
      .sort((a, b) => a - b)
  return { yes: having(true), asked: having('ask-database') }
}

beforeAll(async () => {
  schema = await loadSchema(zmodel())
  oracle = await openOracle(
    await createDatabase(inject('postgresUrl')),
    await loadSchema(`${MODELS.replace('$USER', 'facts Fact[]').replace('$SPACE', 'facts Fact[]')}
    model Fact {${FACT_FIELDS} owner User? @relation(fields: [ownerId], references: [id]) space Space? @relation(fields: [spaceId], references: [id]) @@map('fact') }`),
  )
  await oracle.insert(
    'fact_user',
    ['id', 'level'],
    [
      ['1', '3'],
      ['2', '1'],
      ['99', null],
    ],
  )
  await oracle.insert(
    'fact_space',
    ['id', 'code'],
    [
      ['1', null],
      ['2', '7'],
    ],
  )
  await oracle.insert(
    'fact_member',
    ['id', 'userId', 'spaceId'],
    [
      ['1', '1', '1'],
      ['2', '2', '2'],
      ['3', null, '2'],
    ],
  )
  await oracle.insert('fact', FACT_COLUMNS, FACT_ROWS)
  changes = (await oracle.capture())('public.fact')
  data = await oracle.dataModel(schema)
  zenstack = oracle.client(schema)
}, 120_000)

afterAll(() => oracle.close())

describe('a filter in ZenStack, and in memory', () => {
  it.each(WHERE_FACTS)('%s', async (_fact, where, answer, memory) => {
    expect(await fromZenStack('Fact0', where, 'ann')).toEqual(answer)
    const { yes, asked } = fromMemory('Fact0', where, 'ann', new Map())
    if (memory === 'asks') expect(asked).toEqual([1, 2, 3, 4])
    else expect({ yes, asked }).toEqual({ yes: answer, asked: [] })
  })
})

describe('a policy in ZenStack, and in memory', () => {
  it.each(POLICY_FACTS.map((fact, index) => [...fact, index] as const))('%s', async (...fact) => {
    const [, , answers] = fact
    const model = `Fact${POLICY_FACTS.findIndex(([name]) => name === fact[0]) + 1}`
    for (const [reader, answer] of Object.entries(answers) as [Reader, Answer][]) {
      expect(await fromZenStack(model, {}, reader), reader).toEqual(answer)
      const { yes, asked } = fromMemory(model, {}, reader, new Map())
      if (answer === 'error') expect(asked, reader).toEqual([1, 2, 3, 4])
      else if (fact[3] === 'asks') expect(asked.length, reader).toBeGreaterThan(0)
      else expect({ yes, asked }, reader).toEqual({ yes: answer, asked: [] })
    }
  })

  it('decides a membership by the keys that the reader reaches', async () => {
    const model = `Fact${POLICY_FACTS.findIndex(([, policy]) => policy.includes('space.members?')) + 1}`
    const [spec] = compileRowPlan(data, { model, isPolicyOn: true }).keySets
    if (spec === undefined) throw new Error('The plan has no set of keys.')
    const bare = zenstack.$unuseAll() as unknown as Record<string, { findMany(args: unknown): Promise<Record<string, unknown>[]> }>
    for (const reader of ['nobody', 'ann', 'bob'] as const) {
      const select = Object.fromEntries(spec.selectFields.map((field) => [field, true]))
      const records = (await bare['Member']?.findMany({ where: spec.where(READERS[reader]), select })) ?? []
      const { yes, asked } = fromMemory(model, {}, reader, new Map([[spec.id, new KeySet(spec, records)]]))
      expect({ yes, asked }).toEqual({ yes: await fromZenStack(model, {}, reader), asked: [] })
    }
  })
})
