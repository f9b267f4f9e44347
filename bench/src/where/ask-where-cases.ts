import { presentRow, type DataModel } from '@zenstack-live/model'
import { AccessError, compileRowPlan, validateArgs } from '@zenstack-live/access'
import type { SchemaDef } from '@zenstackhq/schema'
import { show, type Case } from '../oracle/judge.ts'
import { loadSchema, openOracle, rowsOf, tableOf, type Client, type Oracle } from '@zenstack-live/testing/oracle'
import type { Random } from '../random.ts'
import { FIELD_KINDS, SHARED_TYPES } from './field-kinds.ts'
import { generateFilter, type GeneratedField } from './generate-filter.ts'

const MODELS = 6
const ROWS = 30
const FILTERS_PER_MODEL = 60

const FOCUS: readonly (readonly string[])[] = [['Json', 'Typed'], ['String']]

interface GeneratedModel {
  readonly name: string
  readonly text: string
  readonly fields: readonly GeneratedField[]
  readonly idKind: string
}

/** One generated schema with rows, and a stream of filters with the answers of ZenStack. */
export async function* askWhereCases(random: Random, url: string, most: number): AsyncGenerator<Case> {
  const models = Array.from({ length: MODELS }, (_, index) => generateModel(random, index))
  const zmodel = `${SHARED_TYPES}\nmodel Person { id Int @id level Int? @@auth @@allow('all', true) }\n${models.map((model) => model.text).join('\n')}`
  const schema = await loadSchema(zmodel)
  const oracle = await openOracle(url, schema)
  try {
    const data = await oracle.dataModel(schema)
    for (const model of models) await fill(random, oracle, schema, model)
    const take = await oracle.capture()
    let asked = 0
    for (const model of models) {
      const name = tableOf(schema, schema.models[model.name] as never).replaceAll('"', '')
      const rows = rowsOf(data, model.name, take(name))
      if (rows.length !== ROWS) throw new Error(`${rows.length} of ${ROWS} rows of ${name} came through the capture.`)
      const client = oracle.client(schema)
      await checkPresentation(client, data, model.name, rows)
      for (let index = 0; index < FILTERS_PER_MODEL && asked < most; index++) {
        const question = await ask(random, client, data, model, rows)
        if (question === undefined) continue
        asked += rows.length
        yield question
      }
    }
  } finally {
    await oracle.close()
  }
}

function generateModel(random: Random, index: number): GeneratedModel {
  const name = `M${index}`
  // Text and JSON have the most rules: one model each is about nothing else.
  const pool = FOCUS[index] === undefined ? FIELD_KINDS : FIELD_KINDS.filter((kind) => FOCUS[index]?.includes(kind.type))
  const kinds = Array.from({ length: FOCUS[index] === undefined ? 9 : 3 }, () => random.pick(pool))
  const idKind = random.pick(['Int @id', 'String @id', 'BigInt @id', 'composite'])
  const fields = kinds.map((kind, place): GeneratedField & { text: string } => {
    const isOptional = kind.isList !== true && random.chance(0.7)
    const fieldName = `f${place}`
    const map = random.chance(0.3) ? ` @map('Column ${place}')` : ''
    const policy = random.chance(0.08) && !kind.type.includes('[]') ? ` @allow('read', auth().level > 1)` : ''
    return { name: fieldName, kind, isOptional, text: `  ${fieldName} ${kind.declare(isOptional ? '?' : '')}${map}${policy}` }
  })
  const ids = idKind === 'composite' ? ['  a Int', `  b String @map('B B')`, '  @@id([a, b])'] : [`  id ${idKind}`]
  const tableMap = random.chance(0.4) ? `  @@map('table ${index}')` : ''
  const text = [`model ${name} {`, ...ids, ...fields.map((field) => field.text), tableMap, `  @@allow('read', true)`, '}'].join('\n')
  return { name, text, fields, idKind }
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
    ...model.fields.map((field) => ((field.isOptional || field.kind.isList === true) && random.chance(0.2) ? null : field.kind.stored(random))),
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

type Finder = Record<string, { findMany(args: unknown): Promise<Record<string, unknown>[]> }>

const AUTHS = [null, { id: 1, level: 1 }, { id: 2, level: 5 }] as const

async function ask(random: Random, client: Client, data: DataModel, model: GeneratedModel, rows: Case['rows']): Promise<Case | undefined> {
  const { where: given, uses } = generateFilter(random, model.fields)
  const auth = random.pick(AUTHS)
  let where: unknown
  try {
    where = (validateArgs(client, model.name, 'findMany', { where: given }) as { where: unknown }).where
  } catch (error) {
    if (error instanceof AccessError) return undefined
    throw error
  }
  const bound = client.$setAuth(auth ?? undefined) as unknown as Finder
  const known = data.models.get(model.name)
  if (known === undefined) return undefined
  let expected: Case['expected']
  const select = Object.fromEntries(known.idFields.map((field) => [field, true]))
  try {
    const records = (await bound[model.name]?.findMany({ where: given, select })) ?? []
    expected = new Set(
      records.map((record) =>
        known.idFields.length === 1 ? String(record[known.idFields[0] ?? '']) : JSON.stringify(known.idFields.map((field) => String(record[field]))),
      ),
    )
  } catch {
    expected = 'error'
  }
  return { data, model: model.name, where, auth, now: Date.now(), expected, rows, uses, title: `${model.name} ${show(given)} as ${show(auth)}` }
}
