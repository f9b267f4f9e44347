import { loadSchema, openOracle, rowsOf } from '@zenstack-live/testing/oracle'
import type { Case } from '../oracle/judge-case.ts'
import { askFilter } from './ask-filter.ts'
import { SHARED_TYPES } from './field-kinds.ts'
import { TELLING_COLUMNS, TELLING_FILTERS, TELLING_MODEL, TELLING_ROWS } from './telling-filters.ts'

const READERS = [null, { id: 1, level: 5 }] as const

/** The telling filters and ZenStack's answers, the same in every run. */
export async function* askTellingFilters(createDatabase: () => Promise<string>): AsyncGenerator<Case> {
  const schema = await loadSchema(`${SHARED_TYPES}\nmodel Person { id Int @id level Int? @@auth @@allow('all', true) }\n${TELLING_MODEL}`)
  const oracle = await openOracle(await createDatabase(), schema)
  try {
    await oracle.insert('"Telling"', TELLING_COLUMNS, TELLING_ROWS)
    const data = await oracle.dataModel(schema)
    const rows = rowsOf(data, 'Telling', (await oracle.capture())('public.Telling'))
    const subject = { client: oracle.client(schema), data, model: 'Telling', rows }
    for (const filter of TELLING_FILTERS) {
      for (const auth of 'secret' in filter ? READERS : READERS.slice(0, 1)) {
        const question = await askFilter(subject, filter, auth, [])
        if (question === undefined) throw new Error(`ZenStack refuses the telling filter ${JSON.stringify(filter)}.`)
        yield question
      }
    }
  } finally {
    await oracle.close()
  }
}
