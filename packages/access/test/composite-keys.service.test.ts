import { compileRowPlan, createInterestIndex, interestOfQuery, transition } from '@zenstack-live/access'
import { createDatabase } from '@zenstack-live/testing'
import { loadSchema, openOracle } from '@zenstack-live/testing/oracle'
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
