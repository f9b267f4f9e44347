import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { schema as studioSchema } from '@zenstack-live/testing/studio'
import { loadSchema } from '@zenstack-live/testing/oracle'
import type { Random } from '../random.ts'
import { randomRules, type Rules } from './random-rules.ts'
import { SPACES, USERS, type Profile, type StudioSchema } from './studio.ts'

/** Who may see what in one schema. The tables are those of the studio, whatever the policies. */
export interface StudioPolicies {
  readonly kind: 'studio' | 'generated'
  readonly schema: StudioSchema
  /** The ZModel of the models, with their policies. */
  readonly text: string
  readonly time: Rules['time']
  /** What each person is by turns. */
  readonly profiles: Profiles
  /** Models, named as queries name them, whose ids not everybody may read. */
  readonly guardedIds: ReadonlySet<string>
}

export type Profiles = Readonly<Record<(typeof USERS)[number], readonly [Profile, Profile]>>

/** What generated policies read beyond the studio's own fields. */
const MORE_FIELDS: Readonly<Record<string, readonly string[]>> = {
  User: ['level Int @default(0)', 'homeId String?', 'labels String[]'],
  Task: [
    'parentId String?',
    "parent Task? @relation('parts', fields: [parentId], references: [id], onDelete: SetNull)",
    "parts Task[] @relation('parts')",
  ],
}

const text = readFileSync(
  join(dirname(createRequire(import.meta.url).resolve('@zenstack-live/testing/package.json')), 'schema', 'studio.zmodel'),
  'utf8',
)
/** Without data source, plugins and comments. */
const MODELS = text.replaceAll(/^(datasource|plugin) [^}]*\}/gm, '').replaceAll(/^\s*\/\/.*\n/gm, '')

const [MEMBER, MANAGER] = ['MEMBER', 'MANAGER'].map((role): Profile => ({ role, level: 0, homeId: null, labels: [] })) as [Profile, Profile]

/** The studio's own. */
export const STUDIO_POLICIES: StudioPolicies = {
  kind: 'studio',
  schema: studioSchema,
  text: MODELS,
  time: undefined,
  guardedIds: new Set(),
  profiles: { ann: [MANAGER, MEMBER], bob: [MEMBER, MANAGER], cay: [MEMBER, MANAGER] },
}

/** Everybody may read everything: to make the tables. */
export async function openPolicies(): Promise<StudioSchema> {
  return schemaOf(withRules({ models: {}, fields: {}, time: undefined }))
}

export async function randomPolicies(random: Random): Promise<StudioPolicies> {
  const rules = randomRules(random)
  const models = withRules(rules)
  const profiles = Object.fromEntries(USERS.map((user) => [user, randomProfiles(random)])) as unknown as Profiles
  return { kind: 'generated', schema: await schemaOf(models), text: models, time: rules.time, profiles, guardedIds: guardedIdsOf(rules) }
}

function guardedIdsOf({ fields }: Rules): ReadonlySet<string> {
  const models = Object.keys(fields).flatMap((field) => /^(\w+)\.id$/.exec(field)?.[1]?.toLowerCase() ?? [])
  return new Set(models.flatMap((model) => (model === 'asset' ? ['asset', 'picture', 'memo'] : [model])))
}

function randomProfiles(random: Random): readonly [Profile, Profile] {
  const profile = (role: string): Profile => ({
    role,
    level: random.whole(4),
    homeId: random.chance(0.3) ? null : random.pick(SPACES),
    labels: ['x', 'y'].filter(() => random.chance(0.4)),
  })
  const roles = random.pick([
    ['MEMBER', 'MANAGER'],
    ['MANAGER', 'MEMBER'],
    ['MEMBER', 'MEMBER'],
  ] as const)
  return [profile(roles[0]), profile(roles[1])]
}

async function schemaOf(models: string): Promise<StudioSchema> {
  // It has the studio's models and fields, and those of a profile.
  return (await loadSchema(models)) as unknown as StudioSchema
}

/** The studio's models, with these rules in the place of its own. */
function withRules({ models, fields }: Rules): string {
  let model = ''
  return MODELS.split('\n')
    .flatMap((line) => {
      model = /^model (\w+)/.exec(line)?.[1] ?? model
      if (/^ {2}@@(allow|deny)/.test(line)) return []
      if (line === '}' && model !== '') {
        const rules = (models[model] ?? ["@@allow('all', true)"]).map((rule) => `  ${rule}`)
        const more = MORE_FIELDS[model]?.map((field) => `  ${field}`) ?? []
        model = ''
        return [...more, ...rules, line]
      }
      const bare = line.replace(/ @allow\(.*$/, '')
      const guard = fields[`${model}.${/^ {2}(\w+) /.exec(line)?.[1] ?? ''}`]
      return guard === undefined ? [bare] : [`${bare} ${guard}`]
    })
    .join('\n')
}
