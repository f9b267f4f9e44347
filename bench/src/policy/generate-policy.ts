import type { Random } from '../random.ts'

/** An expression in ZModel, with a tag for each construct in it. */
export interface GeneratedPolicy {
  readonly text: string
  readonly uses: readonly string[]
}

type Make = (random: Random, use: (construct: string) => void, depth: number) => string

const TEXT_FIELDS = ['title', 'body', 'code', 'this.title', 'pad', 'uid']
const TEXT_VALUES = ["'a'", "'abc'", "''", "'a%c'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"]
const TEXT_AUTH = ['auth().email', 'auth().name']
const NUMBERS = ['n', 'm', 'small', 'big', 'f', 'r', 'd', 'd2', 'this.n']
const ORDERED_NUMBERS = ['n', 'm', 'small', 'f', 'r', 'this.n']
const NUMBER_VALUES = ['0', '1', '2', '1.5', '3', '0.1', '3.3', '9007199254740993']
const NUMBER_AUTH = ['auth().level', 'auth().score', 'auth().big', 'auth().balance']
const TIMES = ['at', 'at3', 'tz', 'day']

const compare = (random: Random, use: (construct: string) => void, operators: readonly string[], a: string, b: string): string => {
  const operator = random.pick(operators)
  use(`op ${operator}`)
  return random.chance(0.8) ? `${a} ${operator} ${b}` : `${b} ${operator} ${a}`
}
const EQUALITY = ['==', '!=']
export const ORDER = ['==', '!=', '<', '<=', '>', '>=']

const CONDITIONS: Readonly<Record<string, Make>> = {
  'text with literal': (random, use) => compare(random, use, EQUALITY, random.pick(TEXT_FIELDS), random.pick(TEXT_VALUES)),
  'text with auth': (random, use) => compare(random, use, EQUALITY, random.pick(TEXT_FIELDS.slice(0, 4)), random.pick(TEXT_AUTH)),
  'text with text': (random, use) => compare(random, use, EQUALITY, random.pick(['title', 'code', 'pad']), random.pick(['body', 'code', 'title'])),
  'number with literal': (random, use) => compare(random, use, ORDER, random.pick(ORDERED_NUMBERS), random.pick(NUMBER_VALUES.slice(0, 7))),
  'any number equals literal': (random, use) => compare(random, use, EQUALITY, random.pick([...NUMBERS, 'r']), random.pick(NUMBER_VALUES)),
  'number with auth': (random, use) => compare(random, use, ORDER, random.pick(ORDERED_NUMBERS), random.pick(NUMBER_AUTH.slice(0, 2))),
  'any number equals auth': (random, use) => compare(random, use, EQUALITY, random.pick(NUMBERS), random.pick(NUMBER_AUTH)),
  'number with number': (random, use) => compare(random, use, ORDER, random.pick(ORDERED_NUMBERS), random.pick(ORDERED_NUMBERS)),
  'any number with number': (random, use) => compare(random, use, EQUALITY, random.pick(NUMBERS), random.pick(NUMBERS)),
  'boolean with literal': (random, use) => compare(random, use, EQUALITY, random.pick(['flag', 'on']), random.pick(['true', 'false'])),
  'boolean with auth': (random, use) => compare(random, use, EQUALITY, random.pick(['flag', 'on']), 'auth().active'),
  'boolean with boolean': (random, use) => compare(random, use, EQUALITY, 'flag', 'on'),
  'boolean field': (random) => random.pick(['flag', 'on', 'this.flag']),
  'boolean of auth': () => 'auth().active',
  constant: (random) => random.pick(['true', 'false']),
  'enum with literal': (random, use) => compare(random, use, EQUALITY, 'role', random.pick(['ADMIN', 'USER'])),
  'mapped enum with literal': (random, use) => compare(random, use, EQUALITY, 'kind', random.pick(['K1', 'K2', 'K3'])),
  'enum with auth': (random, use) => compare(random, use, EQUALITY, 'role', 'auth().role'),
  'mapped enum with auth': (random, use) => `kind ${random.pick((use('op =='), EQUALITY))} auth().kind`,
  'time with auth': (random, use) => compare(random, use, ORDER, random.pick(TIMES), 'auth().since'),
  'time with time': (random, use) => compare(random, use, ORDER, random.pick(TIMES), random.pick(TIMES)),
  'now()': (random, use) => compare(random, use, ORDER.slice(2), random.pick([...TIMES, 'auth().since']), 'now()'),
  'auth with literal': (random, use) =>
    random.pick([
      () => compare(random, use, EQUALITY, 'auth().email', "'a'"),
      () => compare(random, use, ORDER, 'auth().level', '2'),
      () => compare(random, use, EQUALITY, 'auth().role', 'ADMIN'),
      () => compare(random, use, EQUALITY, 'auth().active', 'true'),
      () => compare(random, use, ORDER, 'auth().score', '0.1'),
    ])(),
  'auth with auth': (random, use) => compare(random, use, EQUALITY, 'auth().email', 'auth().name'),
  'field is null': (random, use) =>
    compare(random, use, EQUALITY, random.pick(['title', 'n', 'at', 'role', 'kind', 'flag', 'd', 'uid', 'ownerId', 'this.title']), 'null'),
  'auth member is null': (random, use) =>
    compare(random, use, EQUALITY, random.pick(['auth().email', 'auth().level', 'auth().active', 'auth().since']), 'null'),
  'auth is null': (random, use) => compare(random, use, EQUALITY, 'auth()', 'null'),
  'auth is owner': (random, use) => compare(random, use, EQUALITY, 'auth()', 'owner'),
  'auth id': (random, use) => compare(random, use, EQUALITY, 'auth().id', random.pick(['ownerId', 'owner.id', 'n'])),
  'relation is null': (random, use) => compare(random, use, EQUALITY, random.pick(['owner', 'space', 'parent']), 'null'),
  'in literals': (random) =>
    random.pick(["title in ['a', 'abc']", 'n in [1, 2]', "code in ['a']", 'big in [1, 3]', 'f in [1.5, 0.1]', 'small in [1, 2]', 'title in []']),
  'enum in literals': (random) => random.pick(['role in [ADMIN, USER]', 'role in [GUEST]']),
  'mapped enum in literals': (random) => random.pick(['kind in [K1, K2]', 'kind in [K3]']),
  'field in auth list': (random) =>
    random.pick(['title in auth().names', 'n in auth().nums', 'big in auth().bigs', 'code in auth().names', 'role in auth().roles']),
  'auth in literals': (random) =>
    random.pick(['auth().id in [1, 3]', "auth().email in ['a', 'b']", 'auth().role in [ADMIN]', 'auth().level in [0, 3]']),
  'auth in field list': (random) => random.pick(['auth().email in tags', 'auth().id in nums', 'auth().big in bigs', 'auth().level in nums']),
  'literal in field list': (random) => random.pick(["'a' in tags", '1 in nums', 'ADMIN in roles', '3 in bigs']),
  'auth in auth list': (random) => random.pick(['auth().email in auth().names', 'auth().id in auth().nums']),
  'literals with auth in list': (random) => random.pick(["title in ['a', auth().email]", 'n in [1, auth().level]', 'ownerId in [auth().id, 2]']),
  contains: (random) => textFunction(random, 'contains'),
  startsWith: (random) => textFunction(random, 'startsWith'),
  endsWith: (random) => textFunction(random, 'endsWith'),
  has: (random) =>
    random.pick([
      "has(tags, 'a')",
      'has(tags, auth().email)',
      'has(nums, 1)',
      'has(nums, auth().level)',
      'has(bools, true)',
      'has(tags, title)',
      'has(nums, n)',
      'has(bigs, 3)',
      'has(floats, 1.5)',
      'has(decs, 1.5)',
      'has(roles, ADMIN)',
    ]),
  hasSome: (random) =>
    random.pick([
      "hasSome(tags, ['a', 'A'])",
      'hasSome(tags, auth().names)',
      'hasSome(nums, [1, 2])',
      'hasSome(nums, auth().nums)',
      'hasSome(bigs, auth().bigs)',
      'hasSome(floats, [1.5, 0.1])',
      'hasSome(tags, [])',
    ]),
  hasEvery: (random) =>
    random.pick([
      "hasEvery(tags, ['a'])",
      'hasEvery(tags, auth().names)',
      'hasEvery(nums, [1, 2])',
      'hasEvery(nums, auth().nums)',
      'hasEvery(tags, [])',
      'hasEvery(tags, tags)',
    ]),
  isEmpty: (random) => random.pick(['isEmpty(tags)', 'isEmpty(nums)', 'isEmpty(roles)']),
  'casing of currentModel': (random) =>
    random.pick([
      "startsWith(currentModel('lower'), 'doc')",
      "startsWith(currentModel('upper'), 'DOC')",
      "startsWith(currentModel('uncapitalize'), 'd')",
      "startsWith(currentModel('capitalize'), 'D')",
    ]),
  currentModel: (random, use) =>
    compare(
      random,
      use,
      EQUALITY,
      `currentModel(${random.pick(['', "'lower'", "'upper'", "'capitalize'", "'uncapitalize'", "'original'"])})`,
      random.pick(["'Doc0'", "'doc1'", 'title']),
    ),
  currentOperation: (random, use) =>
    compare(random, use, EQUALITY, `currentOperation(${random.pick(['', "'upper'"])})`, random.pick(["'read'", "'READ'", 'title'])),
  'predicate over auth': (random) => `auth().memberships${random.pick(['?', '!', '^'])}[${valuePredicate(random)}]`,
  'predicate over auth with this': (random) => `auth().memberships${random.pick(['?', '!', '^'])}[${thisPredicate(random)}]`,
  'predicate with binding': (random) =>
    random.pick([
      'auth().memberships?[x, x.spaceId == this.spaceId]',
      'auth().memberships?[x, x.role == ADMIN]',
      'auth().memberships^[x, x.spaceId == this.spaceId && x.level > this.n]',
      'space.members?[x, x.userId == auth().id]',
    ]),
  membership: (random) =>
    random.pick([
      'space.members?[user == auth()]',
      'space.members?[userId == auth().id]',
      'space.members?[user == auth() && role == ADMIN]',
      'space.members?[auth() == user && (level > 1 || active)]',
      'space.members^[user == auth()]',
      'space.members?[user == auth() && role in [ADMIN, USER]]',
      'space.members?[user.id == auth().id && active]',
      'space.members?[userId == auth().id && !active]',
      'space.members^[userId == auth().id && kind == K1]',
      'space.members?[userId == auth().id && note == auth().email]',
      'this.space.members?[user == auth()]',
    ]),
  'deeper relation': (random) =>
    random.pick([
      'owner.level > 2',
      'space.owner.level > 1',
      'space.archived',
      "owner.name == 'a'",
      'auth() == space.owner',
      'space.members![user == auth()]',
      "children?[title == 'a']",
      'space.members?[level > 2]',
      'parent.n == n',
      'parent.title == title',
    ]),
  'check()': (random) => random.pick(['check(space)', "check(space, 'read')", "check(space, 'update')", 'check(owner)']),
}

export const CONSTRUCTS: readonly string[] = [
  ...Object.keys(CONDITIONS),
  'and',
  'or',
  'not',
  ...ORDER.map((operator) => `op ${operator}`),
  'deny',
  'several allows',
  'field policy',
  'where on masked field',
]

function textFunction(random: Random, name: string): string {
  const field = random.pick(['title', 'body', 'code', 'title', 'auth().email'])
  const search = random.pick(["'a'", "'A'", "''", "'%'", 'auth().name', 'auth().email', 'body', "'É'", "'\\\\\\\\'"])
  return `${name}(${field}, ${search}${random.pick(['', '', ', true', ', false'])})`
}

function valuePredicate(random: Random): string {
  return random.pick([
    'role == ADMIN',
    'level > 1',
    'level >= auth().level',
    "note == 'a'",
    'note == null',
    'active',
    '!active',
    'role in [ADMIN, USER]',
    'spaceId == 1 && level > 0',
    'level == null || active',
    "note != 'a'",
    'userId == auth().id',
    'kind == K1',
    'true',
    'note == auth().email',
    'level in auth().nums',
    'level > 3',
    'level >= 3',
    'level < 1',
    'level <= 0',
    'spaceId == 2 && level > 1',
    'role == GUEST || level == 1',
    'role == GUEST || note == null',
    'role in [GUEST]',
    "note != 'zz'",
    "!(note == 'zz')",
  ])
}

function thisPredicate(random: Random): string {
  return random.pick([
    'spaceId == this.spaceId',
    'spaceId == this.spaceId && role == ADMIN',
    'level > this.n',
    'note == this.title',
    'note != this.title',
    'this.flag && active',
    'spaceId == this.spaceId || level == this.m',
    '!(spaceId == this.spaceId)',
    'kind == this.kind',
    'this.n in [1, 2] && active',
    'role == this.role',
    'this.spaceId == spaceId && contains(this.title, note)',
    'level == this.big',
  ])
}

/** One construct alone, by its number: with all numbers, all of them. Now and then negated. */
export function generateConstruct(random: Random, number: number): GeneratedPolicy {
  const uses: string[] = []
  const names = Object.keys(CONDITIONS)
  const name = names[number % names.length] ?? ''
  const text = CONDITIONS[name]?.(random, (construct) => void uses.push(construct), 0) ?? 'false'
  const isNegated = random.chance(0.3)
  return { text: isNegated ? `!(${text})` : text, uses: [name, ...(isNegated ? ['not'] : []), ...uses] }
}

/** A random condition; some are single constructs, so that each meets every row by itself. */
export function generatePolicy(random: Random): GeneratedPolicy {
  const uses: string[] = []
  const use = (construct: string): void => void uses.push(construct)
  return { text: expression(random, use, random.chance(0.4) ? 0 : 1 + random.whole(3)), uses }
}

/** What depends on the reader alone is the same for all rows, so it is asked more often. */
const NAMES = [
  ...Object.keys(CONDITIONS),
  ...Array.from({ length: 4 }, () => 'predicate over auth'),
  'currentModel',
  'any number equals literal',
  'predicate over auth with this',
]

function expression(random: Random, use: (construct: string) => void, depth: number): string {
  if (depth === 0) {
    const name = random.pick(NAMES)
    use(name)
    return CONDITIONS[name]?.(random, use, depth) ?? 'false'
  }
  const choice = random.whole(10)
  if (choice < 3) {
    use('not')
    return `!(${expression(random, use, depth - 1)})`
  }
  use(choice < 6 ? 'and' : 'or')
  return `(${expression(random, use, depth - 1)}) ${choice < 6 ? '&&' : '||'} (${expression(random, use, depth - 1)})`
}
