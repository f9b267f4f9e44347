import { compileRowPlan } from '@zenstack-live/access'
import { createDatabase } from '@zenstack-live/testing'
import { loadSchema, openOracle } from '@zenstack-live/testing/oracle'
import { expect, inject, it } from 'vitest'

const ZMODEL = `
model User { id Int @id @@auth @@allow('all', true) }
model Space { id String @id members Member[] docs Doc[] @@allow('all', true) }
model Member { id Int @id userId Int spaceId String space Space @relation(fields: [spaceId], references: [id]) @@allow('all', true) }
model Doc { id Int @id spaceId String? space Space? @relation(fields: [spaceId], references: [id])
  @@allow('read', space.members?[userId == auth().id]) }`

const KEYS = [
  ['Space', 'id'],
  ['Member', 'spaceId'],
  ['Doc', 'spaceId'],
] as const

// Where a collation calls 'a' and 'A' one key, a set of keys by their bytes would deny what the database allows.
it.each([
  { isDeterministic: true, memberOf: 'a' },
  { isDeterministic: false, memberOf: 'A' },
])('decides memberships in memory only where equal keys have equal bytes: %o', async ({ isDeterministic, memberOf }) => {
  const schema = await loadSchema(ZMODEL)
  const oracle = await openOracle(await createDatabase(inject('postgresUrl')), schema)
  const sql = (text: string): Promise<unknown> => oracle.pool.query(text)
  await sql(`CREATE COLLATION given (provider = icu, locale = 'und-u-ks-level2', deterministic = ${isDeterministic})`)
  // Keys can be given another collation only while nothing references them.
  const foreignKeys = [
    ['Member', 'Member_spaceId_fkey'],
    ['Doc', 'Doc_spaceId_fkey'],
  ]
  for (const [table, name] of foreignKeys) await sql(`ALTER TABLE "${table}" DROP CONSTRAINT "${name}"`)
  for (const [table, column] of KEYS) await sql(`ALTER TABLE "${table}" ALTER "${column}" TYPE text COLLATE given`)
  for (const [table, name] of foreignKeys)
    await sql(`ALTER TABLE "${table}" ADD CONSTRAINT "${name}" FOREIGN KEY ("spaceId") REFERENCES "Space" (id)`)
  await sql(`INSERT INTO "Space" VALUES ('a')`)
  await sql(`INSERT INTO "Member" (id, "userId", "spaceId") VALUES (1, 1, '${memberOf}')`)
  await sql(`INSERT INTO "Doc" (id, "spaceId") VALUES (1, 'a')`)

  const client = oracle.client(schema).$setAuth({ id: 1 }) as unknown as { doc: { findMany(): Promise<unknown[]> } }
  expect(await client.doc.findMany()).toHaveLength(1)
  const plan = compileRowPlan(await oracle.dataModel(schema), { model: 'Doc', where: {}, isPolicyOn: true })
  expect(plan.isLocal).toBe(isDeterministic)
  await oracle.close()
})
