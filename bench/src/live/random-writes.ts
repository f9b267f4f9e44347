import type { Random } from '../random.ts'
import type { LiveWorld } from './live-world.ts'
import { USERS } from './studio.ts'

const SPACES = ['garden', 'roof', 'cellar']
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

type Db = Pick<LiveWorld['db'], 'user' | 'space' | 'member' | 'task' | 'comment' | 'note' | 'tag' | 'asset' | 'picture' | 'memo'>

export async function fill(world: LiveWorld, tokens: Tokens): Promise<void> {
  await world.sql('TRUNCATE "Comment", "Task", "Member", "Space", "Note", "User", "Tag", "_tagged", "Asset", "Picture", "Memo" CASCADE')
  const { db } = world
  await db.user.createMany({
    data: USERS.map((id) => ({ id, name: tokens.next(), role: id === 'ann' ? ('MANAGER' as const) : ('MEMBER' as const) })),
  })
  await db.space.createMany({ data: SPACES.map((id) => ({ id, name: tokens.next() })) })
  await db.member.createMany({
    data: [
      { spaceId: 'garden', userId: 'ann' },
      { spaceId: 'garden', userId: 'bob' },
      { spaceId: 'roof', userId: 'cay' },
    ],
  })
}

/** One commit: one to three changes of any table. */
export async function writeOnce(world: LiveWorld, random: Random, tokens: Tokens): Promise<void> {
  if (random.chance(0.02)) return void (await world.sql(`TRUNCATE ${random.pick(TRUNCATED)}`))
  const changes = 1 + random.whole(3)
  await world.db.$transaction(async (tx) => {
    for (let index = 0; index < changes; index++) await random.pick(WRITES)(tx, random, tokens)
  })
}

type Write = (db: Db, random: Random, tokens: Tokens) => Promise<unknown>

const changeNote: Write = (db, random, tokens) => {
  const id = random.pick(NOTES)
  const data = {
    ownerId: random.pick(USERS),
    body: tokens.next(),
    secret: tokens.next(),
    isPublic: random.chance(0.4),
    rank: random.whole(5),
    size: BigInt(random.whole(3)),
    score: random.chance(0.3) ? null : `${random.whole(3)}.${random.whole(10)}0`,
    data: { n: random.whole(4) },
    tags: random.chance(0.5) ? ['x'] : [],
  }
  return random.chance(0.2) ? db.note.deleteMany({ where: { id } }) : db.note.upsert({ where: { id }, create: { id, ...data }, update: data })
}

const touchNote: Write = (db, random, tokens) =>
  db.note.updateMany({ where: { id: random.pick(NOTES) }, data: random.chance(0.5) ? { secret: tokens.next() } : { rank: random.whole(5) } })

const changeTask: Write = (db, random, tokens) => {
  const id = random.pick(TASKS)
  const data = {
    spaceId: random.pick(SPACES),
    title: tokens.next(),
    ownerId: random.pick(USERS),
    assigneeId: random.chance(0.3) ? null : random.pick(USERS),
    isPrivate: random.chance(0.3),
    priority: random.whole(4),
    status: random.pick(['OPEN', 'DOING', 'DONE'] as const),
    budget: tokens.nextNumber(),
    dueAt: random.chance(0.4) ? null : new Date(Date.UTC(2026, 0, 1 + random.whole(5))),
  }
  return random.chance(0.15) ? db.task.deleteMany({ where: { id } }) : db.task.upsert({ where: { id }, create: { id, ...data }, update: data })
}

const touchTask: Write = (db, random, tokens) =>
  db.task.updateMany({
    where: { id: random.pick(TASKS) },
    data: random.pick([
      { budget: tokens.nextNumber() },
      { title: tokens.next() },
      { isPrivate: random.chance(0.5) },
      { spaceId: random.pick(SPACES) },
    ]),
  })

const renameTask: Write = async (db, random) => {
  const [from, to] = [random.pick(TASKS), random.pick(TASKS)]
  if ((await db.task.count({ where: { id: to } })) === 0) await db.task.updateMany({ where: { id: from }, data: { id: to } })
}

const changeComment: Write = async (db, random, tokens) => {
  const id = random.pick(COMMENTS)
  const task = await db.task.findFirst({ where: { id: random.pick(TASKS) } })
  if (task === null || random.chance(0.2)) return db.comment.deleteMany({ where: { id } })
  const data = { taskId: task.id, authorId: random.pick(USERS), body: tokens.next() }
  return db.comment.upsert({ where: { id }, create: { id, ...data }, update: data })
}

const changeMember: Write = async (db, random) => {
  const key = { spaceId: random.pick(SPACES), userId: random.pick(USERS) }
  const isThere = (await db.member.count({ where: key })) > 0
  return isThere ? db.member.deleteMany({ where: key }) : db.member.create({ data: key })
}

const changeRole: Write = (db, random) =>
  db.user.update({ where: { id: random.pick(USERS) }, data: { role: random.pick(['MEMBER', 'MANAGER'] as const) } })
const renameUser: Write = (db, random, tokens) => db.user.update({ where: { id: random.pick(USERS) }, data: { name: tokens.next() } })

const changeTag: Write = async (db, random, tokens) => {
  const id = random.pick(TAGS)
  if (random.chance(0.15)) return db.tag.deleteMany({ where: { id } })
  return db.tag.upsert({ where: { id }, create: { id, name: tokens.next() }, update: { name: tokens.next() } })
}

const tagTask: Write = async (db, random) => {
  const [task, tag] = [random.pick(TASKS), random.pick(TAGS)]
  if ((await db.task.count({ where: { id: task } })) === 0 || (await db.tag.count({ where: { id: tag } })) === 0) return undefined
  const tags = random.chance(0.6) ? { connect: { id: tag } } : { disconnect: { id: tag } }
  return db.task.update({ where: { id: task }, data: { tags } })
}

const changeAsset: Write = async (db, random, tokens) => {
  const id = random.pick(ASSETS)
  const known = await db.asset.findUnique({ where: { id } })
  const shared = { ownerId: random.pick(USERS), label: tokens.next() }
  if (known !== null && random.chance(0.25)) return db.asset.delete({ where: { id } })
  if (known?.kind === 'Memo') return db.memo.update({ where: { id }, data: random.chance(0.5) ? shared : { text: tokens.next() } })
  if (known !== null) return db.picture.update({ where: { id }, data: random.chance(0.5) ? shared : { source: tokens.next() } })
  if (random.chance(0.4)) return db.memo.create({ data: { id, ...shared, text: tokens.next() } })
  return db.picture.create({ data: { id, ...shared, caption: tokens.next(), source: tokens.next() } })
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
  renameTask,
  changeComment,
  changeComment,
  changeMember,
  changeMember,
  changeRole,
  renameUser,
]
