import { validateArgs } from '@zenstack-live/access'
import { decodeRow, rowKey, rowKeyOfRecord, type Model } from '@zenstack-live/model'
import type { RawRow } from '@zenstack-live/protocol'
import type { Client } from '@zenstack-live/testing/oracle'
import type { DataModel } from '@zenstack-live/model'
import { kindOf, shownOf, type ChangeCase, type Moment } from '../oracle/judge-change.ts'
import type { KeyedRow } from '../oracle/judge-case.ts'
import type { Question } from '../oracle/judge-question.ts'
import { show } from '../oracle/show.ts'
import type { Tally } from '../oracle/tally.ts'
import { createRandom, type Random } from '../random.ts'
import type { Finder } from '../where/ask-filter.ts'
import { acceptedSchema, generateDoc, OPEN_SPACE, type Doc, type DocSchema } from './doc-schema.ts'
import { openDocWorld, type DocWorld } from './doc-world.ts'
import { keySetsOf, loadKeySets, type LoadedSets, type MemberChange } from './load-key-sets.ts'
import { tellingDocs } from './telling-policies.ts'
import { AUTHS } from './world.ts'

const DOCS_PER_SCHEMA = 36
const SCHEMAS_PER_WORLD = 5
/** Rows and changes of one question, about. */
const LEAST_CASES = 45

/** One database, written to between the questions; several schemas of many policies over it, and the answers of ZenStack for everybody. */
export async function* askPolicyCases(random: Random, url: string, tally: Tally, most: number): AsyncGenerator<Question> {
  // Both kinds of keys in turn, whatever the seed.
  const met = (keys: string): number => tally.casesByUse.get(`keys of ${keys}`) ?? 0
  const world = await openDocWorld(random, url, met('one column') <= met('several columns') ? 'one column' : 'several columns')
  try {
    // The first schemas go through the constructs one by one; the others mix them.
    const docCount = Math.min(DOCS_PER_SCHEMA, Math.ceil(most / (AUTHS.length * LEAST_CASES)))
    for (let index = 0; index < SCHEMAS_PER_WORLD; index++) {
      const docs = Array.from({ length: docCount }, (_, place) => generateDoc(random, place, index < 2 ? index * DOCS_PER_SCHEMA + place : undefined))
      const rule = random.pick(['true', 'archived', 'owner == auth()', 'members?[user == auth()]', "name == 'one'"])
      yield* askDocs(random, world, { keys: world.keys, docs, spaceRule: `  @@allow('read', ${rule})` })
    }
  } finally {
    await world.oracle.close()
  }
}

/** The telling policies and ZenStack's answers, over the same rows and the same writes in every run; with keys of several columns, those that follow them. */
export async function* askTellingPolicies(createDatabase: () => Promise<string>): AsyncGenerator<Question> {
  for (const keys of ['one column', 'several columns'] as const) {
    const random = createRandom(1)
    const world = await openDocWorld(random, await createDatabase(), keys)
    const docs = tellingDocs().filter(({ text }) => keys === 'one column' || /owner|space/.test(text))
    try {
      yield* askDocs(random, world, { keys, docs, spaceRule: OPEN_SPACE })
    } finally {
      await world.oracle.close()
    }
  }
}

/** Asks everything, writes, and asks again. */
async function* askDocs(random: Random, world: DocWorld, given: DocSchema): AsyncGenerator<Question> {
  const { schema, docs } = await acceptedSchema(given)
  const { oracle, keys } = world
  // One client for all: ZenStack makes its validators anew for every client.
  const asking = { client: oracle.client(schema), data: await oracle.dataModel(schema) }
  const questions = docs.flatMap((doc) => AUTHS.map((auth) => ({ doc, auth, where: doc.where ?? randomWhere(random, doc) })))
  const askAll = async (): Promise<Answer[]> => {
    const shown = await world.shown()
    const answers: Answer[] = []
    for (const { doc, auth, where } of questions) answers.push(await ask(asking, doc, auth, where, shown))
    return answers
  }
  const before = await askAll()
  const written = await world.write()
  const after = await askAll()
  const { data } = asking
  const members = written.members.map((change): MemberChange => ({
    before: storedOf(data, 'Member', change.before),
    after: storedOf(data, 'Member', change.after),
  }))
  for (const [index, { doc, auth, where }] of questions.entries()) {
    const [old, now] = [before[index], after[index]]
    if (old === undefined || now === undefined) continue
    const uses = [
      ...doc.uses,
      `keys of ${keys}`,
      ...(doc.fieldPolicy !== undefined && doc.fieldPolicy.field in where ? ['where on masked field'] : []),
    ]
    const common = {
      data,
      model: doc.name,
      where: validWhere(asking.client, doc.name, where),
      auth,
      uses,
      title: `${doc.text} where ${show(where)} as ${show(auth)}`,
    }
    const rows = [...world.docs.values()].flatMap((raw) => keyedOf(data, doc.name, raw) ?? [])
    const was: Moment = { ...common, ...old, rows: [], keySets: (access, plan) => keySetsOf(access, plan, old.sets, [], old.sets, auth) }
    const is: Moment = { ...common, ...now, rows, keySets: (access, plan) => keySetsOf(access, plan, old.sets, members, now.sets, auth) }
    yield is
    yield changeCase(was, is, written.docs, uses)
  }
}

function changeCase(
  before: Moment,
  after: Moment,
  written: readonly { before: RawRow | null; after: RawRow | null }[],
  uses: readonly string[],
): ChangeCase {
  const { data, model } = after
  const changes = written.map((change) => ({ before: keyedOf(data, model, change.before), after: keyedOf(data, model, change.after) }))
  const kinds = new Set(changes.map((change) => `change: ${kindOf(shownOf(before, after, change))}`))
  return { before, after, changes, uses: [...uses, ...kinds] }
}

function storedOf(data: DataModel, name: string, raw: RawRow | null): ReturnType<typeof decodeRow> | null {
  const model = data.models.get(name)
  return model === undefined || raw === null ? null : decodeRow(model, raw)
}

function keyedOf(data: DataModel, name: string, raw: RawRow | null): KeyedRow | null {
  const model = data.models.get(name)
  const row = storedOf(data, name, raw)
  return model === undefined || row === null ? null : { key: rowKey(model, row), row }
}

interface Answer extends Pick<Moment, 'expected' | 'shown' | 'now'> {
  readonly sets: LoadedSets
}

async function ask(
  { client, data }: { client: Client; data: DataModel },
  doc: Doc,
  auth: Moment['auth'],
  where: object,
  all: ReadonlyMap<string, Record<string, unknown>>,
): Promise<Answer> {
  const sets = await loadKeySets(client, data, doc.name, auth)
  const now = Date.now()
  const model = data.models.get(doc.name)
  const guarded = doc.fieldPolicy?.field
  const select = Object.fromEntries([...(model?.idFields ?? []), ...(guarded === undefined ? [] : [guarded])].map((name) => [name, true]))
  try {
    const finder = client.$setAuth(auth ?? undefined) as unknown as Finder
    const records = (await finder[doc.name]?.findMany({ where, select })) ?? []
    // Only what a policy guards is shown to one in another way than to others.
    const shown = new Map(records.map((record) => [keyOfRecord(model, record), { ...all.get(keyOfRecord(model, record)), ...record }]))
    return { now, sets, expected: new Set(shown.keys()), shown }
  } catch {
    return { now, sets, expected: 'error', shown: new Map() }
  }
}

function keyOfRecord(model: Model | undefined, record: Record<string, unknown>): string {
  return model === undefined ? '' : rowKeyOfRecord(model, record)
}

function validWhere(client: Client, model: string, where: object): unknown {
  return (validateArgs(client, model, 'findMany', { where }) as { where: unknown }).where
}

/** Often about the field that is guarded, if one is. */
function randomWhere(random: Random, doc: Doc): Record<string, unknown> {
  const field = doc.fieldPolicy?.field
  if (field === undefined || random.chance(0.4)) return random.chance(0.15) ? { n: { gte: 1 } } : {}
  if (field === 'tags') return { tags: random.pick([{ has: 'a' }, { isEmpty: true }, { isEmpty: false }]) }
  if (field === 'ownerId' && random.chance(0.3)) return { owner: null }
  return { [field]: random.pick<unknown>([null, { not: null }, GUARDED_VALUES[field]]) }
}

const GUARDED_VALUES: Record<string, unknown> = { title: 'a', n: { gt: 0 }, role: 'ADMIN', at: { gt: '2024-05-05T10:00:00Z' }, d: 1, ownerId: 1 }
