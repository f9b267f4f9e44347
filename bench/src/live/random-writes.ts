import pg from 'pg'
import type { Random } from '../random.ts'
import type { StudioPolicies } from './studio-policies.ts'
import { ROLES, SPACES, USERS, type Profile } from './studio.ts'

const TASKS = ['t1', 't2', 't3', 't4', 't5', 't6']
const COMMENTS = ['c1', 'c2', 'c3', 'c4']
const TAGS = ['x', 'y', 'z']
const ASSETS = ['a1', 'a2', 'a3', 'a4']
const TRUNCATED = ['"Comment"', '"Note"', '"_tagged"', '"Asset", "Picture", "Memo"', '"Member"']
const NOTES = [1, 2, 3, 4, 5, 6]

/** Every text and every number that somebody may be kept from seeing is written once only, so that bytes can be traced to it. */
export interface Tokens {
  next(): string
  nextNumber(): number
}

export function createTokens(): Tokens {
  let count = 0
  return {
    next: () => `tok${(++count).toString().padStart(6, '0')}x`,
    nextNumber: () => 70_000_000 + ++count,
  }
}

/** What writes are made of. */
export interface Ink extends Pick<StudioPolicies, 'profiles' | 'time'> {
  readonly tokens: Tokens
  /** Until when time alone may still change what is read; milliseconds since 1970. */
  dueUntilMs: number
}

const MAX_DUE_MS = 800

/** What is there at the beginning, in the place of all that was. */
export function fill({ tokens, profiles }: Ink): string {
  const members: readonly Row[] = [
    { spaceId: 'garden', userId: 'ann' },
    { spaceId: 'garden', userId: 'bob' },
    { spaceId: 'roof', userId: 'cay' },
  ]
  return [
    'TRUNCATE "Comment", "Task", "Member", "Space", "Note", "User", "Tag", "_tagged", "Asset", "Picture", "Memo" CASCADE',
    ...USERS.map((id) => insert('User', { id, name: tokens.next(), ...columnsOf(profiles[id][0]) })),
    ...SPACES.map((id) => insert('Space', { id, name: tokens.next() })),
    ...members.map((member) => insert('Member', member)),
  ].join(';')
}

/** One transaction: one to three changes of any table. */
export function randomWrite(random: Random, ink: Ink): string {
  if (random.chance(0.02)) return random.pick([replaceSpace, replaceUser])(random, ink)
  if (random.chance(0.02)) return `TRUNCATE ${random.pick(TRUNCATED)}`
  const changes = 1 + random.whole(3)
  return Array.from({ length: changes }, () => random.pick(WRITES)(random, ink)).join(';')
}

type Row = Readonly<Record<string, string | number | boolean | null>>

/** In SQL, since who writes is not the application: what a change finds, the statement itself looks up. */
type Write = (random: Random, ink: Ink) => string

const changeNote: Write = (random, { tokens }) => {
  const id = random.pick(NOTES)
  if (random.chance(0.2)) return `DELETE FROM "Note" WHERE id = ${id}`
  return upsert('Note', {
    id,
    ownerId: random.pick(USERS),
    body: tokens.next(),
    secret: tokens.next(),
    isPublic: random.chance(0.4),
    rank: random.whole(5),
    size: random.whole(3),
    score: random.chance(0.3) ? null : `${random.whole(3)}.${random.whole(10)}0`,
    data: JSON.stringify({ n: random.whole(4) }),
    tags: random.chance(0.5) ? '{x}' : '{}',
  })
}

const touchNote: Write = (random, { tokens }) =>
  update('Note', random.pick(NOTES), random.chance(0.5) ? { secret: tokens.next() } : { rank: random.whole(5) })

const renameNote: Write = (random) => {
  const [from, to] = [random.pick(NOTES), random.pick(NOTES)]
  return `UPDATE "Note" SET id = ${to} WHERE id = ${from} AND NOT EXISTS (SELECT FROM "Note" WHERE id = ${to})`
}

const changeTask: Write = (random, ink) => {
  const { tokens } = ink
  const id = random.pick(TASKS)
  if (random.chance(0.15)) return `DELETE FROM "Task" WHERE id = '${id}'`
  return upsert('Task', {
    id,
    spaceId: random.pick(SPACES),
    title: tokens.next(),
    ownerId: random.pick(USERS),
    assigneeId: random.chance(0.3) ? null : random.pick(USERS),
    isPrivate: random.chance(0.3),
    priority: random.whole(4),
    status: random.pick(['OPEN', 'DOING', 'DONE']),
    budget: tokens.nextNumber(),
    dueAt: randomDue(random, ink),
  })
}

const touchTask: Write = (random, { tokens }) =>
  update(
    'Task',
    random.pick(TASKS),
    random.pick<Row>([
      { budget: tokens.nextNumber() },
      { title: tokens.next() },
      { isPrivate: random.chance(0.5) },
      { spaceId: random.pick(SPACES) },
    ]),
  )

/** Where time matters, mostly soon. */
function randomDue(random: Random, ink: Ink): string | null {
  if (random.chance(0.4)) return null
  if (ink.time === undefined || random.chance(0.3)) return `2026-01-0${1 + random.whole(5)}`
  if (random.chance(0.3)) return '2126-01-01'
  const dueMs = Date.now() + random.whole(MAX_DUE_MS)
  ink.dueUntilMs = Math.max(ink.dueUntilMs, dueMs)
  return new Date(dueMs).toISOString()
}

/** A task becomes a part of another, or of none. */
const moveTask: Write = (random) => {
  const [task, parent] = [random.pick(TASKS), random.pick(TASKS)]
  return `UPDATE "Task" SET "parentId" = (SELECT id FROM "Task" WHERE id = '${parent}' AND id <> '${task}') WHERE id = '${task}'`
}

const renameTask: Write = (random) => {
  const [from, to] = [random.pick(TASKS), random.pick(TASKS)]
  return `UPDATE "Task" SET id = '${to}' WHERE id = '${from}' AND NOT EXISTS (SELECT FROM "Task" WHERE id = '${to}')`
}

const changeComment: Write = (random, { tokens }) => {
  const id = random.pick(COMMENTS)
  if (random.chance(0.2)) return `DELETE FROM "Comment" WHERE id = '${id}'`
  return `INSERT INTO "Comment" (id, "taskId", "authorId", body)
    SELECT '${id}', id, '${random.pick(USERS)}', '${tokens.next()}' FROM "Task" WHERE id = '${random.pick(TASKS)}'
    ON CONFLICT (id) DO UPDATE SET "taskId" = EXCLUDED."taskId", "authorId" = EXCLUDED."authorId", body = EXCLUDED.body`
}

/** Whoever is in leaves, whoever is not comes. */
const changeMember: Write = (random) => {
  const [space, user] = [random.pick(SPACES), random.pick(USERS)]
  return `WITH gone AS (DELETE FROM "Member" WHERE "spaceId" = '${space}' AND "userId" = '${user}' RETURNING 1)
    INSERT INTO "Member" ("spaceId", "userId", role) SELECT '${space}', '${user}', '${random.pick(ROLES)}' WHERE NOT EXISTS (SELECT FROM gone)`
}
const promoteMember: Write = (random) =>
  `UPDATE "Member" SET role = '${random.pick(ROLES)}' WHERE "spaceId" = '${random.pick(SPACES)}' AND "userId" = '${random.pick(USERS)}'`

const moveMember: Write = (random) => {
  const [from, to, user] = [random.pick(SPACES), random.pick(SPACES), random.pick(USERS)]
  return `UPDATE "Member" SET "spaceId" = '${to}' WHERE "spaceId" = '${from}' AND "userId" = '${user}'
    AND NOT EXISTS (SELECT FROM "Member" WHERE "spaceId" = '${to}' AND "userId" = '${user}')`
}

/** Goes with all that is in it, and is there again. */
const replaceSpace: Write = (random, { tokens }) => {
  const id = random.pick(SPACES)
  return `DELETE FROM "Space" WHERE id = '${id}';${insert('Space', { id, name: tokens.next() })}`
}

const replaceUser: Write = (random, { tokens, profiles }) => {
  const id = random.pick(USERS)
  return `DELETE FROM "User" WHERE id = '${id}';${insert('User', { id, name: tokens.next(), ...columnsOf(random.pick(profiles[id])) })}`
}

const changeProfile: Write = (random, { profiles }) => {
  const user = random.pick(USERS)
  return update('User', user, columnsOf(random.pick(profiles[user])))
}
const renameUser: Write = (random, { tokens }) => update('User', random.pick(USERS), { name: tokens.next() })

const changeTag: Write = (random, { tokens }) => {
  const id = random.pick(TAGS)
  return random.chance(0.15) ? `DELETE FROM "Tag" WHERE id = '${id}'` : upsert('Tag', { id, name: tokens.next() })
}

const tagTask: Write = (random) => {
  const [task, tag] = [random.pick(TASKS), random.pick(TAGS)]
  return random.chance(0.6)
    ? `INSERT INTO "_tagged" ("A", "B") SELECT "Tag".id, "Task".id FROM "Tag", "Task" WHERE "Tag".id = '${tag}' AND "Task".id = '${task}'
      ON CONFLICT DO NOTHING`
    : `DELETE FROM "_tagged" WHERE "A" = '${tag}' AND "B" = '${task}'`
}

/** Of either kind: what is there is changed or goes, what is not there comes. */
const changeAsset: Write = (random, { tokens }) => {
  const id = random.pick(ASSETS)
  if (random.chance(0.25)) return `DELETE FROM "Asset" WHERE id = '${id}'`
  const shared = { ownerId: random.pick(USERS), label: tokens.next() }
  const changes = random.chance(0.5)
    ? [update('Asset', id, shared)]
    : [update('Memo', id, { text: tokens.next() }), update('Picture', id, { source: tokens.next() })]
  const [kind, own]: [string, Row] = random.chance(0.4)
    ? ['Memo', { text: tokens.next() }]
    : ['Picture', { caption: tokens.next(), source: tokens.next() }]
  const columns = Object.keys(own).map(pg.escapeIdentifier).join(', ')
  const creation = `WITH new AS (${insert('Asset', { id, kind, ...shared })} ON CONFLICT DO NOTHING RETURNING id)
    INSERT INTO "${kind}" (id, ${columns}) SELECT id, ${Object.values(own).map(literalOf).join(', ')} FROM new`
  return [...changes, creation].join(';')
}

function columnsOf({ labels, ...profile }: Profile): Row {
  return { ...profile, labels: `{${labels.join()}}` }
}

function insert(table: string, row: Row): string {
  return `INSERT INTO "${table}" (${Object.keys(row).map(pg.escapeIdentifier).join(', ')}) VALUES (${Object.values(row).map(literalOf).join(', ')})`
}

function upsert(table: string, row: Row): string {
  const columns = Object.keys(row).map(pg.escapeIdentifier)
  return `${insert(table, row)} ON CONFLICT (id) DO UPDATE SET ${columns.map((column) => `${column} = EXCLUDED.${column}`).join(', ')}`
}

function update(table: string, id: string | number, row: Row): string {
  const changes = Object.entries(row).map(([name, value]) => `${pg.escapeIdentifier(name)} = ${literalOf(value)}`)
  return `UPDATE "${table}" SET ${changes.join(', ')} WHERE id = ${literalOf(id)}`
}

function literalOf(value: Row[string]): string {
  return value === null ? 'NULL' : pg.escapeLiteral(String(value))
}

const WRITES: readonly Write[] = [
  changeTag,
  tagTask,
  tagTask,
  changeAsset,
  changeAsset,
  changeNote,
  changeNote,
  changeNote,
  touchNote,
  touchNote,
  changeTask,
  changeTask,
  changeTask,
  touchTask,
  touchTask,
  moveTask,
  renameTask,
  renameNote,
  changeComment,
  changeComment,
  changeMember,
  changeMember,
  promoteMember,
  moveMember,
  changeProfile,
  renameUser,
]
