import type { Random } from '../random.ts'

/** Policies in ZModel, for the studio's tables. */
export interface Rules {
  /** Rules of each model. */
  readonly models: Readonly<Record<string, readonly string[]>>
  /** The policy of a field, by `Model.field`, where it has one. */
  readonly fields: Readonly<Record<string, string>>
  /** When `now()` is asked: whether rows only ever appear as time goes on, or only ever vanish. Never both, so that what could be read between two moments could be read at one of them. */
  readonly time: 'appears' | 'vanishes' | undefined
}

/*
 * What deciding a condition takes: the row alone; the row and the keys of one's memberships; other tables. A query is decided in memory
 * only when all that concerns it is: so each model has one of the three as its utmost.
 */
const REACHES = ['row', 'membership', 'related'] as const
type Reach = (typeof REACHES)[number]
type Conditions = Readonly<Record<Reach, readonly string[]>>

/*
 * Whoever is not signed in is asked about first, where a rule would else be a bare NULL: ZenStack 3.9.4 puts it where Postgres wants a
 * boolean, when the model is checked by `check()` or is one end of a many-to-many relation.
 */
const AUTH = [
  'auth() != null',
  'auth().role == MANAGER',
  "auth().role == 'MEMBER'",
  '(auth() != null && auth().level >= 2)',
  "auth().homeId == 'garden'",
  "(auth() != null && 'x' in auth().labels)",
  '(auth().homeId != null && auth().level < 3)',
  '(auth() != null && auth().members?[role == MANAGER])',
  "(auth() != null && auth().members^[spaceId == 'roof'])",
]

/** By what `auth()` itself holds of one's memberships. */
const byAuthMembers = (space: string): readonly string[] => [
  `(auth() != null && auth().members?[spaceId == this.${space}])`,
  `(auth() != null && auth().members?[spaceId == this.${space} && role == MANAGER])`,
  `(auth() != null && auth().members^[spaceId == this.${space}])`,
  `(auth() != null && auth().members![spaceId != this.${space} || role == MEMBER])`,
]

/** It asks more of `auth()` than who it is. */
const ASKS_MORE = /auth\(\)\.(?!id\b)/

/** Through the relation that leads to a space's members. */
const throughMembers = (path: string): readonly string[] => [
  `${path}members?[userId == auth().id]`,
  `${path}members?[user == auth()]`,
  `${path}members?[userId == auth().id && role == MANAGER]`,
  `${path}members?[auth() == user && role in [MEMBER]]`,
  `${path}members^[userId == auth().id]`,
]

const CONDITIONS: Readonly<Record<string, Conditions>> = {
  User: {
    row: [
      'id == auth().id',
      'auth() == this',
      'role == MANAGER',
      '(auth() != null && level <= auth().level)',
      'homeId == auth().homeId',
      'hasSome(labels, auth().labels)',
      ...byAuthMembers('homeId'),
    ],
    membership: ["members?[spaceId == 'garden' && userId == auth().id]"],
    related: [
      'members?[space.members?[userId == auth().id]]',
      'members?[space.members?[user == auth() && role == MANAGER]]',
      'tasks?[ownerId == auth().id]',
      "members?[spaceId == 'roof']",
      'members?[spaceId == auth().homeId]',
      'notes![isPublic]',
      'comments^[task.isPrivate]',
    ],
  },
  Space: {
    row: [...byAuthMembers('id'), 'id == auth().homeId', "id in ['garden', 'roof']", "contains(name, '3')", "name != 'x'"],
    membership: throughMembers(''),
    related: [
      'tasks?[assigneeId == auth().id]',
      'members?[user.role == MANAGER]',
      'members![role == MEMBER]',
      'tasks?[assignee == auth() || ownerId == auth().id]',
      'tasks^[isPrivate]',
      'members?[user.level <= auth().level]',
    ],
  },
  Member: {
    row: [...byAuthMembers('spaceId'), 'userId == auth().id', 'user == auth()', 'role == MANAGER', 'role == auth().role', 'spaceId == auth().homeId'],
    membership: throughMembers('space.'),
    related: ['check(space)', "check(user, 'read')", 'user.level >= 1', 'space.tasks?[assigneeId == auth().id]'],
  },
  Task: {
    row: [
      'ownerId == auth().id',
      'assigneeId == auth().id',
      'assignee == auth()',
      '!isPrivate',
      'status == OPEN',
      'status in [OPEN, DOING]',
      'status != DONE',
      '(auth() != null && priority <= auth().level)',
      'priority > 1',
      'spaceId == auth().homeId',
      'assigneeId == null',
      'dueAt != null',
      "contains(title, '7')",
      "spaceId in ['garden', auth().homeId]",
      ...byAuthMembers('spaceId'),
    ],
    membership: throughMembers('space.'),
    related: [
      'check(space)',
      "check(assignee, 'read')",
      'assignee.role == MANAGER',
      'assignee.level > priority',
      "tags?[id == 'x']",
      'tags^[tasks?[isPrivate]]',
      'comments?[authorId == auth().id]',
      'parent.ownerId == auth().id',
      'parent == null',
      'parts?[assigneeId == auth().id]',
      'parts^[isPrivate]',
      'parent.space.members?[userId == auth().id]',
      'assignee.members?[space.members?[user == auth()]]',
      'assignee.members?[spaceId == this.spaceId]',
      'space.members![role == MEMBER]',
      'space.members?[user.role == MANAGER]',
      "startsWith(space.name, 'tok0001')",
    ],
  },
  Comment: {
    row: ['authorId == auth().id', 'author == auth()', "contains(body, '7')", "taskId in ['t1', 't2', 't3']"],
    membership: ['author.members?[userId == auth().id]'],
    related: [
      'check(task)',
      "check(task, 'update')",
      'check(author)',
      'task.space.members?[userId == auth().id]',
      'task.space.members?[user == auth() && role == MEMBER]',
      'task.ownerId == auth().id',
      '!task.isPrivate',
      'task.assignee == auth()',
      'task.assignee.level < 2',
      'author.role == MANAGER',
      "task.tags?[id == 'y']",
    ],
  },
  Note: {
    row: [
      'isPublic',
      '!isPublic',
      'ownerId == auth().id',
      'auth() == owner',
      'rank >= 2',
      'rank <= auth().level',
      'rank in [0, 1, auth().level]',
      'size == 1',
      'score != null',
      "has(tags, 'x')",
      'hasSome(tags, auth().labels)',
      'isEmpty(tags)',
      "contains(body, '5')",
      "endsWith(secret, '1x')",
      'body != secret',
    ],
    membership: ["owner.members?[userId == auth().id && spaceId == 'garden']", 'owner.members?[user == auth() && role == MANAGER]'],
    related: [
      'check(owner)',
      'owner.role == MANAGER',
      'owner.level >= rank',
      'owner.members?[space.members?[userId == auth().id]]',
      "owner.members?[spaceId == 'roof']",
      'owner.tasks?[assigneeId == auth().id && !isPrivate]',
    ],
  },
  Tag: {
    row: ["id == 'x'", "id in ['x', 'y']", "contains(name, '2')", '(auth() != null && id in auth().labels)'],
    membership: [],
    related: [
      'tasks?[ownerId == auth().id]',
      'tasks?[!isPrivate]',
      'tasks^[isPrivate]',
      'tasks?[space.members?[userId == auth().id]]',
      'tasks![priority <= auth().level]',
      'tasks?[assignee.role == MANAGER]',
    ],
  },
  Asset: {
    // No function of a column: in the rules that what extends it inherits, ZenStack 3.9.4 looks for the column in the wrong table.
    row: ['ownerId == auth().id', 'owner == auth()', "kind == 'Picture'", "kind != 'Memo'", "id in ['a1', 'a2']", "!(id == 'a1')"],
    membership: ["owner.members?[userId == auth().id && spaceId == 'roof']"],
    related: ['check(owner)', 'owner.role == MANAGER', 'owner.members?[space.members?[user == auth()]]', 'owner.homeId == auth().homeId'],
  },
}
/** What extends a model has its base's conditions, and its own. */
const EXTENDING: Readonly<Record<string, readonly string[]>> = {
  Picture: ["contains(caption, '4')", 'source != caption'],
  Memo: ["contains(text, '6')"],
}

/** The fields that may be kept from somebody. */
const GUARDABLE: Readonly<Record<string, readonly string[]>> = {
  User: ['name', 'level'],
  Space: ['name'],
  Member: ['role'],
  Task: ['title', 'budget', 'budget', 'dueAt', 'assigneeId', 'priority'],
  Comment: ['body', 'taskId'],
  Note: ['secret', 'secret', 'body', 'rank', 'score', 'ownerId', 'tags', 'data'],
  Tag: ['name'],
  Asset: ['label'],
  Picture: ['caption'],
  Memo: [],
}

/** Models whose ids may be kept from somebody, and the field that orders their rows where it is: everybody may read it then. */
export const ORDERED_WITHOUT_ID: Readonly<Record<string, string>> = {
  User: 'name',
  Space: 'name',
  Task: 'title',
  Comment: 'body',
  Note: 'body',
  Tag: 'name',
  Asset: 'label',
}

/** What extends a model, and the field of its own that orders its rows for whoever may not read what it extends: everybody may read it. */
export const ORDERED_WITHOUT_BASE: Readonly<Record<string, string>> = { Picture: 'source', Memo: 'text' }

/** Random policies, by which most people see something and few see all. */
export function randomRules(random: Random): Rules {
  const time = random.chance(0.25) ? random.pick(['appears', 'vanishes'] as const) : undefined
  // Where no row decides who somebody is, answers do not wait for the log.
  const isBare = random.chance(0.3)
  const models: Record<string, readonly string[]> = {}
  const fields: Record<string, string> = {}
  for (const [model, guardable] of Object.entries(GUARDABLE)) {
    const utmost = random.pick(REACHES)
    const condition = (isNegative = false): string => randomCondition(random, { model, utmost, isBare }, isNegative && time !== undefined)
    models[model] = [
      ...randomModelRules(random, condition, model in EXTENDING),
      ...(model === 'Task' && time !== undefined ? [timeRule(random, time)] : []),
    ]
    for (const field of new Set(guardable)) {
      if (!random.chance(0.3)) continue
      const isDeny = random.chance(0.3)
      fields[`${model}.${field}`] = `@${isDeny ? 'deny' : 'allow'}('read', ${condition(isDeny)})`
    }
    const order = ORDERED_WITHOUT_ID[model]
    if (order === undefined || !random.chance(0.15)) continue
    fields[`${model}.id`] = `@allow('read', ${condition()})`
    delete fields[`${model}.${order}`]
  }
  return { models, fields, time }
}

function randomModelRules(random: Random, condition: (isNegative?: boolean) => string, isExtending: boolean): string[] {
  const rule = (kind: 'allow' | 'deny'): string => {
    const text = condition(kind === 'deny')
    // ZenStack's language has no lists of other rows in rules for creating.
    return `@@${kind}('${random.pick(['read', 'read,update', text.includes('[') ? 'read,delete' : 'all'])}', ${text})`
  }
  const rules = Array.from({ length: isExtending ? random.whole(2) : 1 + random.whole(2) }, () => rule('allow'))
  if (random.chance(0.3)) rules.push(rule('deny'))
  // What `check(…, 'update')` asks.
  if (random.chance(0.3)) rules.push(`@@allow('update', ${condition()})`)
  return rules
}

/** Rows of tasks come or go when their time does. */
function timeRule(random: Random, time: 'appears' | 'vanishes'): string {
  const [passed, future] = ['dueAt < now()', 'dueAt > now()']
  const [sooner, later] = time === 'appears' ? [passed, future] : [future, passed]
  return random.pick([`@@allow('read', ${sooner})`, `@@deny('read', ${later})`, `@@allow('read', ${sooner} && priority > 0)`])
}

interface ConditionsFor {
  readonly model: string
  readonly utmost: Reach
  /** Nothing is asked of `auth()` but who it is. */
  readonly isBare: boolean
}

/** @param isPlain - it does not ask `check()`: what time lets somebody read must not take something else from them */
function randomCondition(random: Random, of: ConditionsFor, isPlain: boolean, depth = random.pick([0, 1, 1, 2])): string {
  const { model, utmost, isBare } = of
  const again = (isPlainToo = isPlain): string => randomCondition(random, of, isPlainToo, depth - 1)
  const form = depth === 0 ? 9 : random.whole(8)
  if (form < 2) return `(${again()} && ${again()})`
  if (form < 4) return `(${again()} || ${again()})`
  // A negation is as plain as what is denied.
  if (form === 4) return `!(${again(true)})`
  const isAllowed = (text: string): boolean => !(isPlain && text.includes('check(')) && !(isBare && ASKS_MORE.test(text))
  const ofAuth = AUTH.filter(isAllowed)
  if (random.chance(0.15)) return random.pick(ofAuth)
  const conditions = CONDITIONS[model] ?? CONDITIONS['Asset']
  const own = EXTENDING[model] ?? []
  const reaches = REACHES.slice(0, REACHES.indexOf(utmost) + 1).flatMap((reach) => Array.from({ length: reach === utmost ? 3 : 1 }, () => reach))
  const known = [...own, ...(conditions?.[random.pick(reaches)] ?? [])].filter(isAllowed)
  return random.pick(known.length === 0 ? ofAuth : known)
}
