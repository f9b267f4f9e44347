import { presentRow, type DataModel } from '@zenstack-live/model'
import { compileRowPlan } from '@zenstack-live/access'
import type { SchemaDef } from '@zenstackhq/schema'
import pg from 'pg'
import type { Case } from '../oracle/judge-case.ts'
import { show } from '../oracle/show.ts'
import type { Tally } from '../oracle/tally.ts'
import { loadSchema, openOracle, rowsOf, tableOf, type Client, type Oracle } from '@zenstack-live/testing/oracle'
import { pickLeast } from '../pick-least.ts'
import type { Random } from '../random.ts'
import { askFilter, type Finder, type Subject } from './ask-filter.ts'
import { DOMAINS, FIELD_KINDS, SHARED_TYPES, UNSUPPORTED_COLUMNS, type FieldKind } from './field-kinds.ts'
import { generateFilter, type GeneratedField } from './generate-filter.ts'

const ROWS = 20
const FILTERS_PER_MODEL = 60
const AUTHS = [null, { id: 1, level: 1 }, { id: 2, level: 5 }] as const

const LEFT = FIELD_KINDS.filter((kind) => kind.isLeft === true)
const COMMON = FIELD_KINDS.filter((kind) => kind.isLeft !== true)
/** Text and JSON have the most rules: one model each is about nothing else. So is one about what is always left to the database. */
const POOLS: readonly (readonly FieldKind[])[] = [
  COMMON.filter((kind) => kind.type === 'Json' || kind.type === 'Typed'),
  COMMON.filter((kind) => kind.operators.includes('contains')),
  LEFT,
]
/** With these, one schema has all kinds of fields. */
const FIELDS = [3, 3, LEFT.length, 12, 12, 12]

interface GeneratedModel {
  readonly name: string
  readonly text: string
  readonly fields: readonly GeneratedField[]
  readonly idKind: string
}

/** One generated schema with rows, and a stream of filters with the answers of ZenStack. */
export async function* askWhereCases(random: Random, url: string, { casesByUse: met }: Tally, most: number): AsyncGenerator<Case> {
  const taken = new Map<FieldKind, number>()
  const models = FIELDS.map((_, index) => generateModel(random, taken, index))
  const zmodel = `${SHARED_TYPES}\nmodel Person { id Int @id level Int? @@auth @@allow('all', true) }\n${models.map((model) => model.text).join('\n')}`
  const schema = await loadSchema(zmodel)
  await prepareTypes(url)
  const oracle = await openOracle(url, schema)
  try {
    for (const model of models) await widen(oracle, schema, model)
    const data = await oracle.dataModel(schema)
    for (const model of models) await fill(random, oracle, schema, model)
    const take = await oracle.capture()
    const client = oracle.client(schema)
    const subjects: (Subject & { fields: readonly GeneratedField[] })[] = []
    for (const { name, fields } of models) {
      const rows = rowsOf(data, name, take(tableOf(schema, schema.models[name] as never).replaceAll('"', '')))
      if (rows.length !== ROWS) throw new Error(`${rows.length} of ${ROWS} rows of ${name} came through the capture.`)
      await checkPresentation(client, data, name, rows)
      subjects.push({ client, data, model: name, rows, fields })
    }
    let asked = 0
    for (let round = 0; round < FILTERS_PER_MODEL; round++) {
      for (const subject of subjects) {
        const { where, uses } = generateFilter(random, met, subject.fields)
        const question = await askFilter(subject, where, random.pick(AUTHS), uses)
        if (question === undefined) continue
        yield question
        asked += ROWS
        if (asked >= most) return
      }
    }
  } finally {
    await oracle.close()
  }
}

function generateModel(random: Random, taken: Map<FieldKind, number>, index: number): GeneratedModel {
  const name = `M${index}`
  const kinds = Array.from({ length: FIELDS[index] ?? 0 }, () => {
    const kind = pickLeast(random, POOLS[index] ?? COMMON, (each) => taken.get(each) ?? 0)
    taken.set(kind, (taken.get(kind) ?? 0) + 1)
    return kind
  })
  const idKind = random.pick(['Int @id', 'String @id', 'BigInt @id', 'composite'])
  const fields = kinds.map((kind, place): GeneratedField & { text: string } => {
    const isOptional = kind.type !== 'List' && random.chance(0.7)
    const fieldName = `f${place}`
    const map = random.chance(0.3) ? ` @map('Column ${place}')` : ''
    const policy = random.chance(0.08) && kind.type !== 'List' ? ` @allow('read', auth().level > 1)` : ''
    return { name: fieldName, kind, isOptional, text: `  ${fieldName} ${kind.declare(isOptional ? '?' : '')}${map}${policy}` }
  })
  const ids = idKind === 'composite' ? ['  a Int', `  b String @map('B B')`, '  @@id([a, b])'] : [`  id ${idKind}`]
  const tableMap = random.chance(0.4) ? `  @@map('table ${index}')` : ''
  const text = [`model ${name} {`, ...ids, ...fields.map((field) => field.text), tableMap, `  @@allow('read', true)`, '}'].join('\n')
  return { name, text, fields, idKind }
}

/** Types that no schema declares: extensions, and domains over the types that fields know. */
async function prepareTypes(url: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    for (const extension of ['citext', 'hstore', 'ltree']) await client.query(`CREATE EXTENSION ${extension}`)
    for (const [name, type] of Object.entries(DOMAINS)) await client.query(`CREATE DOMAIN ${name} AS ${type}`)
  } finally {
    await client.end()
  }
}

async function widen(oracle: Oracle, schema: SchemaDef, model: GeneratedModel): Promise<void> {
  const definition = schema.models[model.name]
  if (definition === undefined) return
  const changes = model.fields.flatMap(({ name, kind }) =>
    kind.domain === undefined ? [] : [`ALTER "${mappedColumn(definition.fields[name]) ?? name}" TYPE ${kind.domain}`],
  )
  const additions = UNSUPPORTED_COLUMNS.map((column, index) => `ADD "not shown ${index}" ${column}`)
  await oracle.pool.query(`ALTER TABLE ${tableOf(schema, definition)} ${[...changes, ...additions].join(', ')}`)
}

async function fill(random: Random, oracle: Oracle, schema: SchemaDef, model: GeneratedModel): Promise<void> {
  const definition = schema.models[model.name]
  if (definition === undefined) return
  const ids = model.idKind === 'composite' ? ['a', 'B B'] : ['id']
  const columns = [...ids, ...model.fields.map((field) => mappedColumn(definition.fields[field.name]) ?? field.name)]
  const rows = Array.from({ length: ROWS }, (_, index) => [
    ...(model.idKind === 'composite'
      ? [String(index % 5), `b${index}`]
      : model.idKind.startsWith('String')
        ? [`id ${index}`]
        : [String(model.idKind.startsWith('BigInt') ? 9007199254740990n + BigInt(index) : index)]),
    ...model.fields.map((field) => ((field.isOptional || field.kind.type === 'List') && random.chance(0.2) ? null : field.kind.stored(random))),
  ])
  await oracle.insert(tableOf(schema, definition), columns, rows)
}

function mappedColumn(field: { attributes?: readonly { name: string; args?: readonly { value: unknown }[] }[] } | undefined): string | undefined {
  const value = field?.attributes?.find((each) => each.name === '@map')?.args?.[0]?.value as { value?: string } | undefined
  return value?.value
}

/** Rows as memory presents them to everybody are those that ZenStack returns. */
async function checkPresentation(client: Client, data: DataModel, model: string, rows: Case['rows']): Promise<void> {
  const plan = compileRowPlan(data, { model, isPolicyOn: true })
  if (!plan.isLocal) return
  const keyOf = (record: Record<string, unknown>): string => show(plan.model.idFields.map((field) => record[field]))
  for (const auth of AUTHS) {
    const context = { auth, now: Date.now() }
    const presented = new Map<string, string>()
    for (const { row } of rows) {
      const masked = plan.mask(row, context)
      if (masked === 'ask-database') continue
      const record = presentRow(plan.model, masked)
      presented.set(keyOf(record), show(record))
    }
    const bound = client.$setAuth(auth ?? undefined) as unknown as Finder
    for (const record of (await bound[model]?.findMany({})) ?? []) {
      const mine = presented.get(keyOf(record))
      if (mine !== show(record))
        throw new Error(`A row of ${model} is presented as\n  ${mine ?? 'nothing'}\nwhere ZenStack returns\n  ${show(record)}`)
    }
  }
}
