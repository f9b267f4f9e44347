import { compileSort, SORT_ENCODING } from '@zenstack-live/access'
import type { StoredRow } from '@zenstack-live/model'
import { Decimal } from 'decimal.js'
import { expect, it } from 'vitest'
import { createWorld } from './support/world.ts'

const data = createWorld({
  Row: {
    fields: {
      id: { type: 'Int', column: 'int4', id: true },
      big: { type: 'BigInt', column: 'int8' },
      text: { type: 'String', column: 'text' },
      amount: { type: 'Decimal', column: 'numeric' },
      at: { type: 'DateTime', column: 'timestamp' },
      is: { type: 'Boolean', column: 'bool' },
      bytes: { type: 'Bytes', column: 'bytea' },
      none: { type: 'Int', column: 'int4', optional: true },
    },
    attributes: [],
  },
})

it('is written as clients hold it: what differs here asks for another SORT_ENCODING', () => {
  const row: StoredRow = { id: 1, big: 2n, text: 'é', amount: new Decimal('1.5'), at: 3n, is: true, bytes: new Uint8Array([255]), none: null }
  const keyBy = (name: string): string => {
    const sort = compileSort(data, 'Row', { [name]: 'asc' })
    return sort === 'ask-database' ? sort : (sort.sortKey(row) ?? '')
  }
  const id = '1bff0000000000000'
  expect({ encoding: SORT_ENCODING, ...Object.fromEntries(Object.keys(row).map((name) => [name, keyBy(name)])) }).toEqual({
    encoding: '1',
    id,
    big: `18000000000000002${id}`,
    text: `1Ã©\0${id}`,
    amount: `1480000015 ${id}`,
    at: `18000000000000003${id}`,
    is: `11${id}`,
    bytes: `1ff ${id}`,
    none: `2${id}`,
  })
})
