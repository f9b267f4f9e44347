import type { Doc } from './doc-schema.ts'
import { ORDER } from './generate-policy.ts'

/** One model's policies, made to differ by a single rule. */
interface TellingPolicy {
  /** Conditions of `@@allow('read', …)`, or whole rules. */
  readonly rules: readonly string[]
  /** The condition under which `title` may be read. */
  readonly title?: string
  readonly where?: Record<string, unknown>
}

const CONDITIONS: readonly string[] = [
  "!(title == 'a')",
  "title == 'a' && id >= 0",
  "title == 'a' || id < 0",
  "id >= 0 || title == 'zzz'",
  "title == 'a'",
  "title != 'a'",
  'n < 1',
  'n <= 1',
  'n > 1',
  'n >= 1',
  '1 < n',
  '1 <= n',
  'title == null',
  'title != null',
  'title == body',
  'auth().email == auth().name',
  'at < now()',
  'r == 0.1',
  'f == r',
  'big == auth().big',
  'big == 3',
  'n == auth().balance',
  'n == auth().big',
  'at == auth().since',
  "pad == 'a'",
  'kind == K3',
  "n == 1 && title == 'a'",
  "n == 1 || title == 'a'",
  "n == 2 || title == 'a'",
  "contains(title, 'b')",
  "startsWith(title, 'b')",
  "endsWith(title, 'b')",
  "contains(title, 'A', true)",
  'contains(title, auth().email)',
  "has(tags, 'a')",
  "hasEvery(tags, ['a', 'zzz'])",
  "hasSome(tags, ['a', 'zzz'])",
  'isEmpty(tags)',
  '!(title in [])',
  "title in ['a']",
  "!(title in ['a', auth().email])",
  '!(auth().id in [1, 2])',
  '!(auth().email in tags)',
  'auth() == null',
  'auth() == owner',
  'auth() != owner',
  'owner == null',
  'owner != null',
  'auth().id == owner.id',
  'auth().memberships?[spaceId == this.spaceId]',
  'auth().memberships![level > this.n]',
  'auth().memberships^[spaceId == this.spaceId]',
  "auth().memberships?[note == 'a']",
  "auth().memberships![note != 'zz']",
  'auth().memberships?[level < 1]',
  'auth().memberships?[level <= 1]',
  'auth().memberships?[level > 3]',
  'auth().memberships?[level >= 3]',
  'auth().memberships![!active]',
  'auth().memberships?[role in [GUEST]]',
  'auth().memberships?[level > 1 && note == null]',
  'auth().memberships?[role == GUEST || level == 1]',
  'auth().memberships?[level == 3]',
  'auth().memberships![level == 3]',
  'auth().memberships^[level == 3]',
  'space.members?[user == auth()]',
  'space.members^[user == auth()]',
  "startsWith(currentModel('lower'), 'doc')",
  "startsWith(currentModel('upper'), 'DOC')",
  "startsWith(currentModel('capitalize'), 'Doc')",
  "startsWith(currentModel('uncapitalize'), 'doc')",
  "currentOperation() == 'read'",
]

/** Policies whose answers differ by a single rule each. Every mutant of the deciding code is noticed by one of them. */
const TELLING_POLICIES: readonly TellingPolicy[] = [
  ...CONDITIONS.map((condition) => ({ rules: [`@@allow('read', ${condition})`] })),
  { rules: ["@@allow('all', n == 1)"] },
  { rules: ["@@allow('read', n == 1)", "@@allow('read', n == 2)"] },
  { rules: ["@@allow('read', true)", "@@deny('read', title == 'a')"] },
  { rules: ["@@allow('read', true)"], title: 'auth().level > 1', where: { title: null } },
  { rules: ["@@allow('read', true)"], title: 'auth().level > 1' },
  { rules: ["@@allow('read', true)"], title: 'space.members?[user == auth()]' },
]

export function tellingDocs(): Doc[] {
  return TELLING_POLICIES.map(({ rules, title, where = {} }, index): Doc => {
    const fieldPolicy = title === undefined ? {} : { fieldPolicy: { field: 'title', kind: 'allow' as const, rule: { text: title, uses: [] } } }
    const text = rules.join(' ')
    const uses = ORDER.filter((operator) => text.includes(` ${operator} `)).map((operator) => `op ${operator}`)
    return { name: `Doc${index}`, lines: rules.map((rule) => `  ${rule}`), uses, text, where, ...fieldPolicy }
  })
}
