import { ExpressionUtils as E, type Expression, type SchemaDef } from '@zenstackhq/schema'
import { AccessError, compileRowPlan, validateArgs, type RowPlan, type SlicedClient } from '@zenstack-live/access'
import { allow, BY_CODE_POINT, createWorld, type FieldSpec } from './world.ts'

/** All that any type has; what ZenStack takes of it for a type, its schema factory says. */
const OPERATORS = (
  'equals in notIn lt lte gt gte between not contains startsWith endsWith mode has hasEvery hasSome isEmpty ' +
  'path string_contains string_starts_with string_ends_with array_contains array_starts_with array_ends_with is isNot city zip tags'
).split(' ')

type Row = readonly [label: string, field: FieldSpec, value: unknown]

const DATE = new Date('2024-05-05T10:00:00Z')
const ROWS: readonly Row[] = [
  ['String (`text`, `varchar`)', { type: 'String', column: 'text' }, 'a'],
  ['String `char(n)`', { type: 'String', column: 'bpchar' }, 'a'],
  ['String `uuid`', { type: 'String', column: 'uuid' }, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  ['String `citext`, `inet`, `xml`…', { type: 'String', column: 'citext' }, 'a'],
  ['String `bit`, `varbit`', { type: 'String', column: 'bit' }, '101'],
  ['Int (`int4`, `int2`)', { type: 'Int', column: 'int4' }, 1],
  ['Int `oid`', { type: 'Int', column: 'oid' }, 1],
  ['BigInt', { type: 'BigInt', column: 'int8' }, 1n],
  ['Float (`float8`, `real`)', { type: 'Float', column: 'float8' }, 1.5],
  ['Decimal', { type: 'Decimal', column: 'numeric' }, 1.5],
  ['Decimal `money`', { type: 'Decimal', column: 'money' }, 1.5],
  ['DateTime (`timestamp`, `timestamptz`, `date`)', { type: 'DateTime', column: 'timestamp' }, DATE],
  ['DateTime `time`', { type: 'DateTime', column: 'time' }, DATE],
  ['DateTime `timetz`', { type: 'DateTime', column: 'timetz' }, DATE],
  ['Boolean', { type: 'Boolean', column: 'bool' }, true],
  ['Enum, also `@map`ped', { type: 'Role', column: 'Role' }, 'ADMIN'],
  ['Bytes', { type: 'Bytes', column: 'bytea' }, new Uint8Array([1])],
  ['Json (`jsonb`)', { type: 'Json', column: 'jsonb' }, 1],
  ['Json (`json`)', { type: 'Json', column: 'json' }, 1],
  ['typed JSON (`type … @json`)', { type: 'Address', column: 'jsonb' }, { city: 'a' }],
  ['String[]', { type: 'String', column: 'text', array: true }, 'a'],
  ['Int[], BigInt[], Float[], Decimal[], Boolean[], DateTime[], Bytes[]', { type: 'Int', column: 'int4', array: true }, 1],
  ['Enum[]', { type: 'Role', column: 'Role', array: true }, 'ADMIN'],
  ['Enum[], `@map`ped', { type: 'Mood', column: 'Mood', array: true }, 'SAD'],
  ['list of typed JSON', { type: 'Address', column: 'jsonb', array: true }, { city: 'a' }],
  ['Json[]', { type: 'Json', column: 'jsonb', array: true }, 1],
  ['`uuid[]`, `varchar[]`, `timestamptz[]`', { type: 'String', column: 'uuid', array: true }, 'a'],
]

const ENUMS: NonNullable<SchemaDef['enums']> = {
  Role: { name: 'Role', values: { ADMIN: 'ADMIN', USER: 'USER' } },
  Mood: {
    name: 'Mood',
    values: { HAPPY: 'HAPPY', SAD: 'SAD' },
    fields: { SAD: { name: 'SAD', attributes: [{ name: '@map', args: [{ name: 'name', value: E.literal('sad one') }] }] } },
  },
}
const TYPES = {
  Address: {
    name: 'Address',
    fields: { city: { name: 'city', type: 'String' }, zip: { name: 'zip', type: 'Int' }, tags: { name: 'tags', type: 'String', array: true } },
  },
}
const id: FieldSpec = { type: 'Int', column: 'int4', id: true }

function filterOf(operator: string, isList: boolean, value: unknown): unknown {
  switch (operator) {
    case 'in':
    case 'notIn':
    case 'hasEvery':
    case 'hasSome':
      return { [operator]: [value] }
    case 'between':
      return { between: [value, value] }
    case 'isEmpty':
      return { isEmpty: true }
    case 'mode':
      return { equals: value, mode: 'insensitive' }
    case 'path':
      return { path: '$.a', equals: value }
    case 'city':
    case 'zip':
      return { [operator]: operator === 'zip' ? 1 : 'a' }
    case 'tags':
      return { tags: { has: 'a' } }
    default:
      return { [operator]: isList && operator === 'equals' ? [value] : operator.startsWith('string') ? 'a' : value }
  }
}

function verdict(plan: RowPlan): string {
  if (!plan.isLocal) return `asks (${plan.reasons.map((reason) => reason.replace(/^(where|policy|model): /, '')).join('; ')})`
  return plan.keySets.length > 0 ? 'memory, by a set of keys' : plan.readsNow ? 'memory, at a moment' : 'memory'
}

function whereTable(collation = BY_CODE_POINT): string[] {
  const options = { enums: ENUMS, typeDefs: TYPES, collation }
  const fields = Object.fromEntries(ROWS.map(([, field], index) => [`f${index}`, field]))
  // Validators are dear to make: one model has all fields. To be decided, each has a model of its own.
  const client = { $schema: createWorld({ M: { fields: { id, ...fields } } }, options).schema, $options: {} }
  return ROWS.flatMap(([label, field, value], index) => {
    const data = createWorld({ M: { fields: { id, f: field }, attributes: [allow(E.literal(true))] } }, options)
    const filters = OPERATORS.map((operator) => [operator, filterOf(operator, field.array === true, value)] as const)
    const taken = filters.filter(([, filter]) => isTaken(client, { [`f${index}`]: filter }))
    const byVerdict = Map.groupBy(taken, ([, filter]) => verdict(compileRowPlan(data, { model: 'M', where: { f: filter }, isPolicyOn: true })))
    return [...byVerdict].map(([said, group]) => `| ${label} | ${group.map(([operator]) => `\`${operator}\``).join(' ')} | ${said} |`)
  })
}

function isTaken(client: SlicedClient, where: unknown): boolean {
  try {
    validateArgs(client, 'M', 'findMany', { where })
    return true
  } catch (error) {
    if (error instanceof AccessError) return false
    throw error
  }
}

const auth = (member: string): Expression => E.member(E.call('auth'), [member])
const f = E.field

const POLICIES: readonly (readonly [text: string, expression: Expression])[] = [
  ['`flag`, `!flag`', f('flag')],
  ["`title == 'a'`, `!=`", E.binary(f('title'), '==', E.literal('a'))],
  ['`n < 1`, `<=`, `>`, `>=`', E.binary(f('n'), '<', E.literal(1))],
  ['`title == null`', E.binary(f('title'), '==', E._null())],
  ['`n == m` (columns)', E.binary(f('n'), '==', f('m'))],
  ['`auth() == null`', E.binary(E.call('auth'), '==', E._null())],
  ['`auth().id == ownerId`', E.binary(auth('id'), '==', f('ownerId'))],
  ['`auth() == owner`, `owner.id == auth().id` (enforced foreign key)', E.binary(E.call('auth'), '==', f('owner'))],
  ['`owner == null` (enforced foreign key)', E.binary(f('owner'), '==', E._null())],
  ['`role == ADMIN`, `role in [ADMIN]`', E.binary(f('role'), 'in', E.array('Role', [E.literal('ADMIN')]))],
  ["`title in ['a', auth().email]`", E.binary(f('title'), 'in', E.array('String', [E.literal('a'), auth('email')]))],
  ['`title in auth().names`', E.binary(f('title'), 'in', auth('names'))],
  ['`auth().email in tags`', E.binary(auth('email'), 'in', f('tags'))],
  ["`contains(title, 'a')`, `startsWith`, `endsWith`", E.call('contains', [f('title'), E.literal('a')])],
  ["`contains(title, 'a', true)`", E.call('contains', [f('title'), E.literal('a'), E.literal(true)])],
  ["`has(tags, 'a')`", E.call('has', [f('tags'), E.literal('a')])],
  ["`hasSome(tags, ['a'])`, `hasEvery`", E.call('hasSome', [f('tags'), E.array('String', [E.literal('a')])])],
  ['`isEmpty(tags)`', E.call('isEmpty', [f('tags')])],
  ['`currentModel()`, `currentOperation()`', E.binary(E.call('currentModel'), '==', E.literal('Doc'))],
  ['`at < now()`', E.binary(f('at'), '<', E.call('now'))],
  ["`auth().orgs?[role == 'a']`, `!`, `^`", E.binary(auth('orgs'), '?', E.binary(f('role'), '==', E.literal('a')))],
  ['`auth().orgs?[id == this.n]`', E.binary(auth('orgs'), '?', E.binary(f('id'), '==', E.member(E._this(), ['n'])))],
  [
    '`space.members?[user == auth()]`, `^` (one hop, bound to the identity)',
    E.binary(E.member(f('space'), ['members']), '?', E.binary(f('user'), '==', E.call('auth'))),
  ],
  ['`space.members![user == auth()]`', E.binary(E.member(f('space'), ['members']), '!', E.binary(f('user'), '==', E.call('auth')))],
  ["`space.members?[role == 'a']` (not bound)", E.binary(E.member(f('space'), ['members']), '?', E.binary(f('role'), '==', E.literal('a')))],
  ["`space.name == 'a'` (another table)", E.binary(E.member(f('space'), ['name']), '==', E.literal('a'))],
  ['`check(space)`', E.call('check', [f('space')])],
  ['a function of the application', E.call('mine', [f('title')])],
]

function policyTable(): string[] {
  return POLICIES.map(([said, expression]) => `| ${said} | ${verdict(compileRowPlan(policyWorld(expression), { model: 'Doc', isPolicyOn: true }))} |`)
}

const text = (): FieldSpec => ({ type: 'String', column: 'text', optional: true })
const int = (): FieldSpec => ({ type: 'Int', column: 'int4', optional: true })
const owned = (type: string, field: string): { type: string; relation: { fields: string[]; references: string[] }; optional: boolean } => ({
  type,
  optional: true,
  relation: { fields: [field], references: ['id'] },
})

function policyWorld(expression: Expression): ReturnType<typeof createWorld> {
  return createWorld(
    {
      User: {
        fields: { id, email: text(), names: { type: 'String', column: 'text', array: true } },
        relations: { orgs: { type: 'Member', array: true, relation: { opposite: 'user' } } },
      },
      Space: { fields: { id, name: text() }, relations: { members: { type: 'Member', array: true, relation: { opposite: 'space' } } } },
      Member: {
        fields: { id, userId: int(), spaceId: int(), role: text() },
        relations: { user: owned('User', 'userId'), space: owned('Space', 'spaceId') },
      },
      Doc: {
        fields: {
          id,
          title: text(),
          n: int(),
          m: int(),
          ownerId: int(),
          spaceId: int(),
          flag: { type: 'Boolean', column: 'bool', optional: true },
          role: { type: 'Role', column: 'Role', optional: true },
          tags: { type: 'String', column: 'text', array: true },
          at: { type: 'DateTime', column: 'timestamp', optional: true },
        },
        relations: { owner: owned('User', 'ownerId'), space: owned('Space', 'spaceId') },
        attributes: [allow(expression)],
      },
    },
    { enums: ENUMS, authType: 'User' },
  )
}

/** The text of `docs/semantics.md`, asked of the compilers themselves. */
export function semantics(): string {
  const icu = whereTable({ provider: 'icu', locale: 'en-US', isDeterministic: true }).filter((line) => line.includes('collation'))
  return `# What memory decides

ZenStack LIVE keeps a query right in one of two ways. Where the whole decision about a row can be made from the row itself and from
\`auth()\`, it is made in memory, exactly as Postgres makes it. Everything else is asked of Postgres, through the policy-bound client. This page
is written by the code that decides (\`vitest run --project unit packages/access/test/semantics.test.ts -u\`); fuzzers compare every line
of it with ZenStack on Postgres (\`pnpm fuzz where\`, \`pnpm fuzz policy\`).

*memory*: decided for every row. *asks*: left to the database, for the reason given.

*Refused*, with an error and before anything is read: every operator that is not listed for a type, unknown fields, compound keys outside of
\`findUnique\`, functions such as \`$expr\`, and whatever else ZenStack's own schema of arguments refuses under the client's slicing; then arguments
that are nested too deep, too wide or too long (\`maxArgsDepth\`, \`maxListItems\`, \`maxStringChars\`).

## Filters

\`AND\`, \`OR\`, \`NOT\`, \`null\`, \`undefined\` and empty filters are decided in memory, with SQL's three-valued logic. Filters over relations
are asked, but for \`{ relation: null }\` where the key is in the row. Full-text, fuzzy and computed fields are asked.

| type | operators | |
|---|---|---|
${whereTable().join('\n')}

The table is that of a database whose collation orders by code point (\`C\`, \`C.UTF-8\`). With another one, such as ICU's, these are different:

| type | operators | |
|---|---|---|
${icu.join('\n')}

Ignoring case is decided with the database's own table of letters, read at start, wherever that works letter by letter (libc and the built-in provider). In a database whose encoding is not UTF-8, everything is asked.

Lists are compared by their items: no change event says where a list's numbering begins, so one that raw SQL numbered in another way
(\`'[0:1]={a,b}'\`) equals its like here, which in Postgres it does not.

## Policies

Rules combine as in ZenStack: one \`@@allow\` must hold and no \`@@deny\`; a deny that is unknown does not deny. Fields with read policies are NULL
to those who may not read them, for filters and order too.

Queries of a \`@@delegate\` and of what extends it are asked. A rule or a filter over one of their tables is decided like any other, but a record is
made of the rows of several tables: through the base it shows the fields of the extending row, as far as that row's own policies let it, and through
the extending model it is there only if the base's columns allow it. No change of one table says enough about it.

Tables with native row-level security are asked, for what Postgres shows of them depends on the database user: the queried table, and every table that a
rule or a filter reaches from it (members, related rows, those of \`check\`). Where \`getClient\`'s client is another database user than the edge, a query that
reads such a table in any way is refused (\`table_refused\`): the edge would be shown other rows.

| expression | |
|---|---|
${policyTable().join('\n')}

A value of \`auth()\` that does not fit the type of its field leaves the decision to the database, whatever the policy.

What ZenStack itself cannot ask, a live query answers with the same error. So it is, in 3.9.4, with a function of a column, such as
\`contains(label, 'a')\`, in the rules of a \`@@delegate\` that is read with what extends it; and, for who is not signed in, with a rule that is then
nothing but NULL (\`level <= auth().level\`), on a model that \`check()\` asks about or that is one end of a many-to-many relation:
\`auth() != null && level <= auth().level\` is not.

With time a comparison with \`now()\` turns while nobody writes. Such a query is asked again when the next moment comes that its rows, seen or not, or \`auth()\` hold,
at most once a second, and every ten minutes, for clocks may be set. Where the moments cannot be known (those of related rows, \`date\` columns, sessions that are not in UTC, functions of the
application) it is asked every \`requeryNowMs\`. The next moment is looked up behind each answer, once for all who wait for the same: an index that begins with the field that is compared
(\`@@index([startsAt])\`, or one that begins with what the query's \`where\` names and goes on with that field) makes that cheap.
`
}
