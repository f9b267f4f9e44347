import { compileRowPlan, createInterestIndex, interestOfQuery, KeySet, transition } from '@zenstack-live/access'
import { createDatabase } from '@zenstack-live/testing'
import { loadSchema, openOracle, rowsOf } from '@zenstack-live/testing/oracle'
import { expect, inject, it } from 'vitest'

const ZMODEL = (rule: string): string => `
model User { tenantId Int id Int docs Doc[] @@id([tenantId, id]) @@auth @@allow('all', true) }
model Doc { id Int @id tenantId Int ownerId Int? owner User? @relation(fields: [tenantId, ownerId], references: [tenantId, id]) ${rule} }`

it.each(["@@allow('read', owner == null)", "@@allow('read', owner == null || owner == auth())"])(
  'finds each change of a row that a key of two columns lets through: %s',
  async (rule) => {
    const schema = await loadSchema(ZMODEL(rule))
    const oracle = await openOracle(await createDatabase(inject('postgresUrl')), schema)
    const data = await oracle.dataModel(schema)
    for (const auth of [null, { tenantId: 1, id: 1 }]) {
      const context = { auth, now: 0 }
      const plan = compileRowPlan(data, { model: 'Doc', where: {}, isPolicyOn: true })
      const index = createInterestIndex<object>()
      index.add(plan.model, interestOfQuery(data, { model: 'Doc', where: {}, isPolicyOn: true, context }), plan)
      const [free, taken] = [
        { id: 9, tenantId: 1, ownerId: null },
        { id: 9, tenantId: 1, ownerId: 2 },
      ]
      for (const [before, after] of [
        [null, free],
        [free, taken],
        [free, null],
      ] as const) {
        const found: object[] = []
        index.match(plan.model, before, after, (query) => found.push(query))
        if (transition(plan, before, after, context).kind !== 'none') expect(found, JSON.stringify([before, after])).toEqual([plan])
      }
      expect(transition(plan, null, free, context).kind).toBe('enter')
    }
    await oracle.close()
  },
)

it('loads for nobody the members without a user, as the stream and ZenStack find them', async () => {
  const schema = await loadSchema(`
    model User { tenantId Int id Int members Member[] @@id([tenantId, id]) @@auth @@allow('all', true) }
    model Space { id Int @id members Member[] docs Doc[] @@allow('all', true) }
    model Member { id Int @id tenantId Int userId Int? user User? @relation(fields: [tenantId, userId], references: [tenantId, id])
      spaceId Int space Space @relation(fields: [spaceId], references: [id]) @@allow('all', true) }
    model Doc { id Int @id spaceId Int space Space @relation(fields: [spaceId], references: [id]) @@allow('read', space.members?[user == auth()]) }`)
  const oracle = await openOracle(await createDatabase(inject('postgresUrl')), schema)
  const { pool } = oracle
  await pool.query('INSERT INTO "User" VALUES (1, 1)')
  await pool.query('INSERT INTO "Space" VALUES (1), (2), (3)')
  await pool.query('INSERT INTO "Member" (id, "tenantId", "userId", "spaceId") VALUES (1, 1, 1, 1), (2, 1, NULL, 2)')
  await pool.query('INSERT INTO "Doc" (id, "spaceId") VALUES (1, 1), (2, 2), (3, 3)')
  const take = await oracle.capture()
  const [docs, members] = [take('public.Doc'), take('public.Member')]
  const data = await oracle.dataModel(schema)
  const plan = compileRowPlan(data, { model: 'Doc', isPolicyOn: true })
  const [spec] = plan.keySets
  if (spec === undefined) throw new Error('The plan has no set of keys.')
  type Finder = Record<'doc' | 'member', { findMany(args: object): Promise<Record<string, unknown>[]> }>
  const client = oracle.client(schema)
  for (const [auth, answer] of [
    [null, ['2']],
    [{ tenantId: 1, id: 1 }, ['1']],
    [{ tenantId: 2, id: 1 }, []],
  ] as const) {
    const found = await (client.$setAuth(auth ?? undefined) as unknown as Finder).doc.findMany({ select: { id: true } })
    const records = await (client.$unuseAll() as unknown as Finder).member.findMany({ where: spec.where(auth) })
    const [loaded, streamed] = [new KeySet(spec, records), new KeySet(spec, [])]
    for (const { row } of rowsOf(data, 'Member', members)) streamed.apply(null, row, { auth, now: 0 })
    const decided = rowsOf(data, 'Doc', docs).filter(({ row }) => plan.decide(row, { auth, now: 0, keySets: new Map([[spec.id, loaded]]) }) === true)
    expect([found.map(({ id }) => String(id)), decided.map(({ key }) => key), [...streamed.keys()]]).toEqual([answer, answer, [...loaded.keys()]])
  }
  await oracle.close()
})
