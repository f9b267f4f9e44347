import { compileRowPlan, validateArgs, type KeySet, type KeySetSpec, type RowPlan } from '@zenstack-live/access'
import type { DataModel, StoredRow } from '@zenstack-live/model'
import type { RawRow } from '@zenstack-live/protocol'
import type { SchemaDef } from '@zenstackhq/schema'
import { progress } from '../command.ts'
import { show, type Access, type Case } from '../oracle/judge.ts'
import { HEAD_LINES, loadSchema, openOracle, rowsOf, SchemaProblem, type Client, type Oracle } from '@zenstack-live/testing/oracle'
import { createRandom, type Random } from '../random.ts'
import { generateConstruct, generatePolicy, ORDER, type GeneratedPolicy } from './generate-policy.ts'
import { TELLING_POLICIES } from './telling-policies.ts'
import {
  AUTHS,
  cell,
  DOC_COLUMNS,
  DOC_SCALARS,
  docRelations,
  MEMBER_COLUMNS,
  MEMBER_FIELDS,
  MEMBERS,
  SHARED_MODELS,
  SPACE_COLUMNS,
  SPACE_FIELDS,
  SPACES,
  USER_FIELDS,
  USERS,
} from './world.ts'

const ROWS = 40
const DOCS_PER_SCHEMA = 36
const SCHEMAS_PER_WORLD = 5

interface Doc {
  readonly name: string
  readonly lines: readonly string[]
  readonly fieldPolicy?: { field: string; rule: GeneratedPolicy }
  readonly uses: readonly string[]
  readonly text: string
  /** What is asked of it; without one, something random. */
  readonly where?: Record<string, unknown>
}

/** One database with rows, several schemas of many policies over it, and the answers of ZenStack for everybody. */
export async function* askPolicyCases(random: Random, url: string): AsyncGenerator<Case> {
  const plain = { name: 'Doc', lines: ["  @@allow('all', true)"], uses: [], text: '' }
  const oracle = await openOracle(url, await loadSchema(zmodelOf([plain], "  @@allow('all', true)")))
  try {
    await fillWorld(random, oracle)
    const take = await oracle.capture()
    const [docs, members] = [take('public.doc'), take('public.member')]
    // The first schemas go through the constructs one by one; the others mix them.
    for (let index = 0; index < SCHEMAS_PER_WORLD; index++) {
      const firstConstruct = index < 2 ? index * DOCS_PER_SCHEMA : undefined
      const generated = Array.from({ length: DOCS_PER_SCHEMA }, (_, place) => generateDoc(random, place, firstConstruct))
      const spaceRule = `  @@allow('read', ${random.pick(['true', 'archived', 'owner == auth()', 'members?[user == auth()]', "name == 'one'"])})`
      yield* askDocs(random, oracle, await acceptedSchema(generated, spaceRule), docs, members)
    }
  } finally {
    await oracle.close()
  }
}

/** The telling policies and ZenStack's answers, over the same rows in every run. */
export async function* askTellingPolicies(url: string): AsyncGenerator<Case> {
  const random = createRandom(1)
  const open = "  @@allow('all', true)"
  const oracle = await openOracle(url, await loadSchema(zmodelOf([{ name: 'Doc', lines: [open], uses: [], text: '' }], open)))
  try {
    await fillWorld(random, oracle)
    const take = await oracle.capture()
    const telling = TELLING_POLICIES.map(({ rules, title, where = {} }, index): Doc => {
      const fieldPolicy = title === undefined ? {} : { fieldPolicy: { field: 'title', rule: { text: title, uses: [] } } }
      const text = rules.join(' ')
      const uses = ORDER.filter((operator) => text.includes(` ${operator} `)).map((operator) => `op ${operator}`)
      return { name: `Doc${index}`, lines: rules.map((rule) => `  ${rule}`), uses, text, where, ...fieldPolicy }
    })
    const schema = await loadSchema(zmodelOf(telling, open))
    yield* askDocs(random, oracle, { schema, accepted: telling }, take('public.doc'), take('public.member'))
  } finally {
    await oracle.close()
  }
}

async function* askDocs(
  random: Random,
  oracle: Oracle,
  { schema, accepted }: { schema: SchemaDef; accepted: readonly Doc[] },
  docs: readonly RawRow[],
  members: readonly RawRow[],
): AsyncGenerator<Case> {
  const data = await oracle.dataModel(schema)
  // One for all: ZenStack makes its validators anew for every client.
  const client = oracle.client(schema)
  const memberRows = rowsOf(data, 'Member', members).map(({ row }) => row)
  for (const doc of accepted) {
    const rows = rowsOf(data, doc.name, docs)
    for (const auth of AUTHS) yield ask(random, client, data, doc, auth, rows, memberRows)
  }
}

/** Policies are random text: what ZenStack's language refuses is left out. */
async function acceptedSchema(generated: readonly Doc[], spaceRule: string): Promise<{ schema: SchemaDef; accepted: readonly Doc[] }> {
  let docs = generated
  for (;;) {
    const text = zmodelOf(docs, spaceRule)
    try {
      return { schema: await loadSchema(text), accepted: docs }
    } catch (error) {
      if (!(error instanceof SchemaProblem)) throw error
      const lines = text.split('\n')
      const refused = new Set(error.lines.map((line) => modelAt(lines, line - HEAD_LINES)))
      const rest = docs.filter((doc) => !refused.has(doc.name))
      if (rest.length === docs.length) throw error
      for (const doc of docs) if (refused.has(doc.name)) progress(`refused by the language: ${doc.text} (${error.message.split('\n')[0] ?? ''})`)
      docs = rest
    }
  }
}

function modelAt(lines: readonly string[], line: number): string {
  for (let index = line - 1; index >= 0; index--) {
    const name = /^model (\w+)/.exec(lines[index] ?? '')?.[1]
    if (name !== undefined) return name
  }
  return ''
}

function generateDoc(random: Random, index: number, firstConstruct: number | undefined): Doc {
  const uses: string[] = []
  if (firstConstruct !== undefined) {
    const policy = generateConstruct(random, firstConstruct + index)
    const line = `  @@allow('${random.pick(['read', policy.text.includes('children') ? 'read' : 'all'])}', ${policy.text})`
    return { name: `Doc${index}`, lines: [line], uses: policy.uses, text: line }
  }
  const rule = (kind: string): string => {
    const policy = generatePolicy(random)
    uses.push(...policy.uses)
    // ZenStack's language allows lists of other rows in rules for reading only.
    const operations = policy.text.includes('children') ? 'read' : random.pick(['read', 'all', 'read,update'])
    return `  @@${kind}('${operations}', ${policy.text})`
  }
  const lines = [rule('allow')]
  if (random.chance(0.25)) lines.push((uses.push('several allows'), rule('allow')))
  if (random.chance(0.3)) lines.push((uses.push('deny'), rule('deny')))
  if (!random.chance(0.2)) return { name: `Doc${index}`, lines, uses, text: lines.join(' ') }
  const field = random.pick(['title', 'n', 'role', 'tags', 'at', 'd'])
  const policy = generatePolicy(random)
  uses.push('field policy', ...policy.uses)
  return { name: `Doc${index}`, lines, uses, text: `${lines.join(' ')} ${field}: ${policy.text}`, fieldPolicy: { field, rule: policy } }
}

function zmodelOf(docs: readonly Doc[], spaceRule: string): string {
  const relations = docs.map((doc) => docRelations(doc.name))
  const models = docs.map((doc, index) => {
    const scalars = DOC_SCALARS.split('\n')
      .map((line) =>
        doc.fieldPolicy !== undefined && line.trim().startsWith(`${doc.fieldPolicy.field} `)
          ? `${line} @allow('read', ${doc.fieldPolicy.rule.text})`
          : line,
      )
      .join('\n')
    return `model ${doc.name} {${scalars}${relations[index]?.own ?? ''}\n${doc.lines.join('\n')}\n  @@map('doc')\n}`
  })
  return [
    SHARED_MODELS,
    `model User {${USER_FIELDS}${relations.map((each) => each.user).join('')}  @@auth\n  @@allow('read', level > 1 || auth() == this)\n  @@map('user')\n}`,
    `model Space {${SPACE_FIELDS}${relations.map((each) => each.space).join('')}${spaceRule}\n  @@map('space')\n}`,
    `model Member {${MEMBER_FIELDS}  @@allow('read', role == USER)\n  @@map('member')\n}`,
    ...models,
  ].join('\n')
}

async function fillWorld(random: Random, oracle: Oracle): Promise<void> {
  await oracle.insert(
    '"user"',
    ['id', 'level', 'name'],
    USERS.map((id) => [id, id === '3' ? null : id, id === '1' ? 'a' : 'b']),
  )
  await oracle.insert('"space"', SPACE_COLUMNS, SPACES)
  await oracle.insert('"member"', MEMBER_COLUMNS, MEMBERS)
  const columns = ['id', ...DOC_COLUMNS.map(([name]) => name), 'parentId']
  const rows = Array.from({ length: ROWS }, (_, index) => [
    String(index),
    // The first rows go through the values in turn, so that none is missing.
    ...DOC_COLUMNS.map((column) => (column[2] !== true && index < column[1].length ? (column[1][index] ?? null) : cell(random, column))),
    index > 3 && random.chance(0.5) ? String(random.whole(index)) : null,
  ])
  await oracle.insert('"doc"', columns, rows)
}

type Finder = Record<string, { findMany(args: unknown): Promise<Record<string, unknown>[]> }>

async function ask(
  random: Random,
  client: Client,
  data: DataModel,
  doc: Doc,
  auth: (typeof AUTHS)[number],
  rows: Case['rows'],
  memberRows: readonly StoredRow[],
): Promise<Case> {
  const masked = doc.fieldPolicy?.field
  const isMasked = masked !== undefined && masked !== 'tags' && random.chance(0.6)
  const given =
    doc.where !== undefined
      ? doc.where
      : isMasked
        ? { [masked]: random.pick<unknown>([null, { not: null }, MASKED_VALUES[masked]]) }
        : random.chance(0.15)
          ? { n: { gte: 1 } }
          : {}
  const where = (validateArgs(client, doc.name, 'findMany', { where: given }) as { where: unknown }).where
  const sets = await loadKeySets(client, data, doc.name, auth)
  const now = Date.now()
  let expected: Case['expected']
  try {
    const finder = client.$setAuth(auth ?? undefined) as unknown as Finder
    expected = new Set(((await finder[doc.name]?.findMany({ where: given, select: { id: true } })) ?? []).map((record) => String(record['id'])))
  } catch {
    expected = 'error'
  }
  return {
    data,
    model: doc.name,
    where,
    auth,
    now,
    expected,
    rows,
    uses: isMasked ? [...doc.uses, 'where on masked field'] : doc.uses,
    title: `${doc.text} where ${show(given)} as ${show(auth)}`,
    keySets: (access, plan) => keySetsOf(access, plan, sets, memberRows, auth),
  }
}

const MASKED_VALUES: Record<string, unknown> = { title: 'a', n: { gt: 0 }, role: 'ADMIN', at: { gt: '2024-05-05T10:00:00Z' }, d: 1 }

/** Loads what `KeySetSpec.where` says, as the edge does. */
async function loadKeySets(
  client: Client,
  data: DataModel,
  model: string,
  auth: (typeof AUTHS)[number],
): Promise<ReadonlyMap<string, readonly Record<string, unknown>[]>> {
  const bare = client.$unuseAll() as unknown as Finder
  const loaded = new Map<string, readonly Record<string, unknown>[]>()
  for (const spec of compileRowPlan(data, { model, isPolicyOn: true }).keySets) {
    const where = spec.where(auth)
    const select = Object.fromEntries(spec.selectFields.map((field) => [field, true]))
    if (where !== undefined) loaded.set(spec.id, (await bare[spec.model.name]?.findMany({ where, select })) ?? [])
  }
  return loaded
}

/** Half of the sets come from the database, half from the stream: both ways must give the same. */
function keySetsOf(
  access: Access,
  plan: RowPlan,
  loaded: ReadonlyMap<string, readonly Record<string, unknown>[]>,
  memberRows: readonly StoredRow[],
  auth: (typeof AUTHS)[number],
): Map<string, KeySet> {
  const sets = new Map<string, KeySet>()
  for (const spec of plan.keySets) {
    const records = loaded.get(spec.id)
    if (records === undefined) continue
    const fromStream = streamed(access, spec, memberRows, auth)
    const fromDatabase = new access.KeySet(spec, records)
    if ([...fromStream.keys()].sort().join() !== [...fromDatabase.keys()].sort().join()) {
      throw new Error(
        `Key set ${spec.id} as ${show(auth)}: the stream gives ${[...fromStream.keys()].join()}, the database ${[...fromDatabase.keys()].join()}`,
      )
    }
    sets.set(spec.id, fromDatabase)
  }
  return sets
}

function streamed(access: Access, spec: KeySetSpec, rows: readonly StoredRow[], auth: (typeof AUTHS)[number]): KeySet {
  const set = new access.KeySet(spec, [])
  // Each row comes, changes hands twice and stays.
  for (const row of rows) {
    set.apply(null, row, { auth, now: 0 })
    set.apply(row, null, { auth, now: 0 })
    set.apply(null, row, { auth, now: 0 })
  }
  return set
}
