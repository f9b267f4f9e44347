import { HEAD_LINES, loadSchema, SchemaProblem } from '@zenstack-live/testing/oracle'
import type { SchemaDef } from '@zenstackhq/schema'
import { progress } from '../command.ts'
import type { Random } from '../random.ts'
import { generateConstruct, generatePolicy, type GeneratedPolicy } from './generate-policy.ts'
import { docRelations, modelsOf, SHARED_MODELS, type Keys } from './world.ts'

/** One set of policies over the table `doc`. */
export interface Doc {
  readonly name: string
  readonly lines: readonly string[]
  readonly fieldPolicy?: FieldPolicy
  readonly uses: readonly string[]
  readonly text: string
  /** What is asked of it; without one, something random. */
  readonly where?: Record<string, unknown>
}

export interface FieldPolicy {
  readonly field: string
  readonly kind: 'allow' | 'deny'
  readonly rule: GeneratedPolicy
}

export interface DocSchema {
  readonly keys: Keys
  readonly docs: readonly Doc[]
  /** Whether spaces may be read, which `check()` asks. */
  readonly spaceRule: string
}

/** Everything may be read: to make the tables, and to read them bare. */
export const OPEN_DOC: Doc = { name: 'Doc', lines: ["  @@allow('all', true)"], uses: [], text: '' }
export const OPEN_SPACE = "  @@allow('all', true)"

/** Policies are random text: what ZenStack's language refuses is left out. */
export async function acceptedSchema(given: DocSchema): Promise<{ schema: SchemaDef; docs: readonly Doc[] }> {
  let { docs } = given
  for (;;) {
    const text = zmodelOf({ ...given, docs })
    try {
      return { schema: await loadSchema(text), docs }
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

/** @param construct - the number of the one construct it is about; without one, it mixes them */
export function generateDoc(random: Random, index: number, construct: number | undefined): Doc {
  const uses: string[] = []
  if (construct !== undefined) {
    const policy = generateConstruct(random, construct)
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
  if (!random.chance(0.25)) return { name: `Doc${index}`, lines, uses, text: lines.join(' ') }
  const field = random.pick(['title', 'n', 'role', 'tags', 'at', 'd', 'ownerId'])
  const kind = random.pick(['allow', 'allow', 'deny'] as const)
  const policy = generatePolicy(random)
  uses.push('field policy', ...policy.uses)
  const text = `${lines.join(' ')} ${field}: @${kind} ${policy.text}`
  return { name: `Doc${index}`, lines, uses, text, fieldPolicy: { field, kind, rule: policy } }
}

export function zmodelOf({ keys, docs, spaceRule }: DocSchema): string {
  const relations = docs.map((doc) => docRelations(keys, doc.name))
  const { user, space, member, doc: scalars } = modelsOf(keys)
  const models = docs.map(({ name, lines, fieldPolicy }, index) => {
    const fields = scalars
      .split('\n')
      .map((line) =>
        fieldPolicy !== undefined && line.trim().startsWith(`${fieldPolicy.field} `)
          ? `${line} @${fieldPolicy.kind}('read', ${fieldPolicy.rule.text})`
          : line,
      )
      .join('\n')
    return `model ${name} {${fields}${relations[index]?.own ?? ''}\n${lines.join('\n')}\n  @@map('doc')\n}`
  })
  return [
    SHARED_MODELS,
    `model User {${user}${relations.map((each) => each.user).join('')}  @@auth\n  @@allow('read', level > 1 || auth() == this)\n  @@map('user')\n}`,
    `model Space {${space}${relations.map((each) => each.space).join('')}${spaceRule}\n  @@map('space')\n}`,
    `model Member {${member}  @@allow('read', role == USER)\n  @@map('member')\n}`,
    ...models,
  ].join('\n')
}
