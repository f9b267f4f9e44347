import { Decimal } from 'decimal.js'
import type { Random } from '../random.ts'

/** The models that policies are written over. `Doc` is declared many times over one table, with a policy each. */
export const SHARED_MODELS = `
enum Role { ADMIN USER GUEST }
enum Kind { K1 @map('k_one') K2 K3 @map('third one') }
`

/** Whether models are told apart by one column, or by several: every row then belongs to a tenant. */
export type Keys = 'one column' | 'several columns'

/** Lines that a schema has only for one of the two: those of the other are left out, and so is the mark. */
function linesFor(keys: Keys, text: string): string {
  const [mark, other] = keys === 'one column' ? ['one|', 'several|'] : ['several|', 'one|']
  return text
    .split('\n')
    .filter((line) => !line.trim().startsWith(other))
    .map((line) => line.replace(mark, ''))
    .join('\n')
}

const USER_FIELDS = `
  one| id Int @id
  several| tenantId Int
  several| id Int
  email String?
  name String?
  role Role?
  kind Kind?
  level Int?
  big BigInt?
  score Float?
  balance Decimal?
  active Boolean?
  since DateTime?
  names String[]
  nums Int[]
  bigs BigInt[]
  roles Role[]
  memberships Member[]
  spaces Space[] @relation('owner')
  several| @@id([tenantId, id])
`

const SPACE_FIELDS = `
  one| id Int @id
  several| tenantId Int
  several| id Int
  name String?
  ownerId Int?
  one| owner User? @relation('owner', fields: [ownerId], references: [id])
  several| owner User? @relation('owner', fields: [tenantId, ownerId], references: [tenantId, id])
  archived Boolean?
  members Member[]
  several| @@id([tenantId, id])
`

const MEMBER_FIELDS = `
  id Int @id
  several| tenantId Int
  userId Int?
  one| user User? @relation(fields: [userId], references: [id])
  several| user User? @relation(fields: [tenantId, userId], references: [tenantId, id])
  spaceId Int
  one| space Space @relation(fields: [spaceId], references: [id])
  several| space Space @relation(fields: [tenantId, spaceId], references: [tenantId, id])
  role Role?
  kind Kind?
  level Int?
  note String?
  active Boolean?
`

const DOC_SCALARS = `
  one| id Int @id
  several| tenantId Int
  several| id Int
  title String?
  body String?
  code String? @db.VarChar(40)
  pad String? @db.Char(6)
  uid String? @db.Uuid
  n Int?
  m Int?
  small Int? @db.SmallInt
  big BigInt?
  f Float?
  r Float? @db.Real
  d Decimal?
  d2 Decimal? @db.Decimal(12, 2)
  flag Boolean?
  on Boolean
  role Role?
  kind Kind? @map('the kind')
  at DateTime?
  at3 DateTime? @db.Timestamp(3)
  tz DateTime? @db.Timestamptz(6)
  day DateTime? @db.Date
  tags String[]
  nums Int[]
  bigs BigInt[]
  floats Float[]
  decs Decimal[]
  bools Boolean[]
  times DateTime[]
  roles Role[]
  several| ownerTenantId Int?
  ownerId Int?
  spaceId Int?
  parentId Int?
  several| @@id([tenantId, id])
`

export interface WorldModels {
  readonly user: string
  readonly space: string
  readonly member: string
  readonly doc: string
}

/** The fields of the models. */
export function modelsOf(keys: Keys): WorldModels {
  return {
    user: linesFor(keys, USER_FIELDS),
    space: linesFor(keys, SPACE_FIELDS),
    member: linesFor(keys, MEMBER_FIELDS),
    doc: linesFor(keys, DOC_SCALARS),
  }
}

/** The relations of one `Doc`, and what they need on the other side. Its owner may be of another tenant, its space and parent are of its own. */
export function docRelations(keys: Keys, name: string): { own: string; user: string; space: string } {
  const own = `
  one| owner User? @relation('${name}_owner', fields: [ownerId], references: [id])
  one| space Space? @relation('${name}_space', fields: [spaceId], references: [id])
  one| parent ${name}? @relation('${name}_parent', fields: [parentId], references: [id])
  several| owner User? @relation('${name}_owner', fields: [ownerTenantId, ownerId], references: [tenantId, id])
  several| space Space? @relation('${name}_space', fields: [tenantId, spaceId], references: [tenantId, id])
  several| parent ${name}? @relation('${name}_parent', fields: [tenantId, parentId], references: [tenantId, id])
  children ${name}[] @relation('${name}_parent')`
  return {
    own: linesFor(keys, own),
    user: `  docs_${name} ${name}[] @relation('${name}_owner')\n`,
    space: `  docs_${name} ${name}[] @relation('${name}_space')\n`,
  }
}

const TEXTS = ['', 'a', 'A', 'abc', 'aBc', 'a%c', '_', '\\', 'é', 'É', 'ADMIN', 'K1', 'İ', 'Doc0', 'read', '\u{1F600}']
const UUIDS = ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '00000000-0000-0000-0000-000000000000']
const TIMES = [
  '2024-05-05 10:00:00',
  '2024-05-05 10:00:00.123',
  '2024-05-05 10:00:00.123456',
  '2124-01-01 00:00:00',
  '1969-12-31 23:59:59.999999',
  'infinity',
  '-infinity',
  '2024-05-05 00:00:00',
]
const INTS = ['0', '1', '2', '3', '-1', '100']
const FLOATS = ['0', '1', '1.5', '0.1', '3.3', 'NaN', 'Infinity', '-1']
const LABELS = ['k_one', 'K2', 'third one']

export type Column = readonly [name: string, values: readonly string[], isList?: boolean, isRequired?: boolean]

export const DOC_COLUMNS: readonly Column[] = [
  ['title', TEXTS],
  ['body', TEXTS],
  ['code', TEXTS],
  ['pad', ['a', 'ab ', 'abc', '']],
  ['uid', UUIDS],
  ['n', INTS],
  ['m', INTS],
  ['small', INTS],
  ['big', ['0', '1', '3', '9007199254740993', '9007199254740992', '-1']],
  ['f', FLOATS],
  ['r', FLOATS],
  ['d', ['0', '1', '1.10', '1.5', '0.1', '9007199254740993', 'NaN']],
  ['d2', ['0', '1', '1.10', '1.5', '3.00']],
  ['flag', ['true', 'false']],
  ['on', ['true', 'false'], false, true],
  ['role', ['ADMIN', 'USER', 'GUEST']],
  ['the kind', LABELS],
  ['at', TIMES],
  ['at3', TIMES.filter((time) => !time.includes('456'))],
  ['tz', TIMES],
  ['day', ['2024-05-05', '1970-01-01', '2124-01-01']],
  ['tags', TEXTS, true],
  ['nums', INTS, true],
  ['bigs', ['1', '3', '9007199254740993'], true],
  ['floats', FLOATS, true],
  ['decs', ['1', '1.10', '1.5'], true],
  ['bools', ['true', 'false'], true],
  ['times', TIMES, true],
  ['roles', ['ADMIN', 'USER'], true],
]

export function cell(random: Random, [, values, isList, isRequired]: Column): string | null {
  if (isRequired !== true && random.chance(0.22)) return null
  if (isList !== true) return random.pick(values)
  return listText(Array.from({ length: random.whole(4) }, () => (random.chance(0.08) ? null : random.pick(values))))
}

/** One of the column's values; where it holds lists, alone in one. */
export function cellOf([, values, isList]: Column, place: number): string | null {
  const value = values[place] ?? null
  return isList === true ? listText([value]) : value
}

function listText(items: readonly (string | null)[]): string {
  const texts = items.map((item) => (item === null ? 'NULL' : `"${item.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`))
  return `{${texts.join()}}`
}

/** Users and spaces, which stay: tenant and id. The second ones of an id are of another tenant, and only there with keys of several columns. */
export const USERS: readonly (readonly [tenantId: string, id: string])[] = [
  ['1', '1'],
  ['1', '2'],
  ['2', '3'],
  ['1', '4'],
  ['2', '1'],
]
export const SPACES: readonly (readonly (string | null)[])[] = [
  ['1', '1', 'one', '1', 'false'],
  ['1', '2', 'two', '2', 'true'],
  ['2', '3', 'three', null, null],
  ['2', '1', 'other one', '3', 'false'],
]
export const SPACE_COLUMNS = ['tenantId', 'id', 'name', 'ownerId', 'archived']
export const MEMBER_COLUMNS = ['tenantId', 'id', 'userId', 'spaceId', 'role', 'kind', 'level', 'note', 'active']
export const MEMBERS: readonly (readonly (string | null)[])[] = [
  ['1', '1', '1', '1', 'ADMIN', 'k_one', '3', 'a', 'true'],
  ['1', '2', '1', '2', 'USER', 'K2', '1', null, 'false'],
  ['1', '3', '2', '1', 'USER', null, null, 'abc', null],
  ['1', '4', '2', '1', 'ADMIN', 'third one', '2', '', 'true'],
  ['2', '5', '3', '3', null, 'K2', '0', 'A', 'true'],
  ['2', '6', null, '3', 'ADMIN', 'k_one', '5', 'a', null],
  ['1', '7', '4', '2', 'GUEST', 'k_one', '9', 'é', 'false'],
]
/** What members may hold after a write, but for their keys. */
export const MEMBER_VALUES: readonly Column[] = [
  ['role', ['ADMIN', 'USER', 'GUEST']],
  ['kind', LABELS],
  ['level', INTS],
  ['note', TEXTS],
  ['active', ['true', 'false']],
]

/** Those who ask. Members that are missing, null, empty and of every type. */
export const AUTHS: readonly (Readonly<Record<string, unknown>> | null)[] = [
  null,
  {
    tenantId: 1,
    id: 1,
    email: 'a',
    name: 'aBc',
    role: 'ADMIN',
    kind: 'K1',
    level: 3,
    big: 9007199254740993n,
    score: 1.5,
    balance: new Decimal('1.10'),
    active: true,
    since: new Date('2024-05-05T10:00:00.123Z'),
    names: ['a', 'abc'],
    nums: [1, 2],
    bigs: [1n, 9007199254740993n],
    roles: ['ADMIN'],
    memberships: [
      { id: 1, userId: 1, spaceId: 1, role: 'ADMIN', kind: 'K1', level: 3, note: 'a', active: true },
      { id: 2, userId: 1, spaceId: 2, role: 'USER', kind: 'K2', level: 1, note: null, active: false },
    ],
  },
  {
    tenantId: 1,
    id: 2,
    email: null,
    name: '',
    role: 'USER',
    kind: null,
    level: null,
    big: 3n,
    score: 0.1,
    balance: new Decimal('1.5'),
    active: false,
    since: null,
    names: [],
    nums: [],
    bigs: [],
    roles: [],
    memberships: [],
  },
  {
    tenantId: 2,
    id: 3,
    email: 'É',
    role: 'GUEST',
    kind: 'K2',
    level: 0,
    memberships: [{ id: 5, spaceId: 3, level: 0, note: 'A', active: true }],
    names: ['A', 'é'],
    nums: [3],
    roles: ['USER', 'GUEST'],
  },
  { tenantId: 1, id: 99, active: null, memberships: null, level: 2, balance: new Decimal(1), since: new Date('2030-01-01T00:00:00Z'), name: '_' },
]
