import { randomUUID } from 'node:crypto'
import { startCapture } from '@zenstack-live/cdc'
import { openRedisLog } from '@zenstack-live/change-log'
import { decodeRow, parseExactChange, presentRow, type Model, type StoredRow } from '@zenstack-live/model'
import { FIRST_ENTRY_ID, type EntryId } from '@zenstack-live/protocol'
import { createDatabase } from '@zenstack-live/testing'
import { loadSchema, openOracle, type Oracle } from '@zenstack-live/testing/oracle'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { logSink } from '../src/log-sink.ts'

/*
 * The whole way of a value: Postgres → our capture → the log in Redis → the model. What comes out is what the application's own
 * client reads from the table.
 */

interface Column {
  /** Type and attributes of the field, in ZModel. */
  field: string
  /** Values to store, as Postgres reads them; lists in its own notation. */
  values: readonly string[]
  /** The stream's form is not read: the field is absent, and the edge asks the database. */
  isAsked?: true
}

const DATES = ['2024-05-05', '0001-01-01', '0044-03-15 BC', '9999-12-31', '5874897-12-31', 'infinity', '-infinity']
const INSTANTS = [
  '2024-05-05 10:11:12.123456',
  '1969-12-31 23:59:59.999999',
  '0001-01-01',
  '4713-01-01 BC',
  '9999-12-31 23:59:59.999999',
  '294276-12-31 23:59:59.999999',
  'infinity',
  '-infinity',
]
const TEXTS = ['', 'žš "q" \\ / \u0001\n\t😀', '__debezium', 'default', 'null', 'NULL', '{"a":1}', 'x'.repeat(100_000)]
const FLOATS = ['0', '-0', '1e300', '-1.5e-300', '0.1', '0.30000000000000004', '9007199254740993', '5e-324', 'NaN', 'Infinity', '-Infinity']
const DECIMALS = ['0', '-0.10', '12345678901234567890123456789.123456789', '1e-20', '1e100', 'NaN', 'Infinity', '-Infinity']

/** Without what ZenStack's own client cannot read: `money`, and lists of an enum with mapped labels. */
const COLUMNS: Readonly<Record<string, Column>> = {
  bool: { field: 'Boolean?', values: ['true', 'false'] },
  int: { field: 'Int?', values: ['0', '2147483647', '-2147483648'] },
  small: { field: 'Int? @db.SmallInt', values: ['32767', '-32768'] },
  oid: { field: 'Int? @db.Oid', values: ['0', '4294967295'] },
  big: { field: 'BigInt?', values: ['0', '9007199254740993', '9223372036854775807', '-9223372036854775808'] },
  float: { field: 'Float?', values: FLOATS },
  real: { field: 'Float? @db.Real', values: ['3.3', '3.4028235e38', '1e-45', 'NaN', 'Infinity'] },
  decimal: { field: 'Decimal?', values: DECIMALS },
  scaled: { field: 'Decimal? @db.Decimal(10, 2)', values: ['1.1', '-99999999.99', '0.00'] },
  text: { field: 'String?', values: TEXTS },
  varchar: { field: 'String? @db.VarChar(10)', values: ['', 'abc'] },
  char: { field: 'String? @db.Char(4)', values: ['', 'ab', 'abcd'] },
  uuid: { field: 'String? @db.Uuid', values: ['A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'] },
  inet: { field: 'String? @db.Inet', values: ['192.168.2.1/24', '10.0.0.1', '::1'] },
  xml: { field: 'String? @db.Xml', values: ['<a b="c">ü</a>'] },
  bit: { field: 'String? @db.Bit(3)', values: ['101'], isAsked: true },
  varbit: { field: 'String? @db.VarBit(8)', values: ['', '1'], isAsked: true },
  kind: { field: 'Kind?', values: ['k "one"', 'K2'] },
  json: { field: 'Json?', values: ['null', '{"a": [1, 2.50, "ü", null], "big": 12345678901234567890}', '"text"', '0', '[]'] },
  plainJson: { field: 'Json? @db.Json', values: ['{"b":1,  "a":2, "a":3}', 'null'] },
  typed: { field: 'Address? @json', values: ['{"street": "Elm", "no": 3}'] },
  bytes: { field: 'Bytes?', values: ['\\x', '\\x00ff10', `\\x${'ab'.repeat(5000)}`] },
  at: { field: 'DateTime?', values: INSTANTS },
  at3: { field: 'DateTime? @db.Timestamp(3)', values: INSTANTS },
  at0: { field: 'DateTime? @db.Timestamp(0)', values: INSTANTS },
  zoned: { field: 'DateTime? @db.Timestamptz(6)', values: INSTANTS },
  zoned3: { field: 'DateTime? @db.Timestamptz(3)', values: INSTANTS },
  zoned0: { field: 'DateTime? @db.Timestamptz(0)', values: INSTANTS },
  date: { field: 'DateTime? @db.Date', values: DATES },
  time: { field: 'DateTime? @db.Time(6)', values: ['00:00:00', '23:59:59.999999', '24:00:00'] },
  time3: { field: 'DateTime? @db.Time(3)', values: ['13:51:30.123'] },
  timeTz: { field: 'DateTime? @db.Timetz', values: ['13:51:30.123456+02'], isAsked: true },
  ints: { field: 'Int[]', values: ['{}', '{1,-2,2147483647}'] },
  bigs: { field: 'BigInt[]', values: ['{}', '{9007199254740993,-9223372036854775808}'] },
  floats: { field: 'Float[]', values: ['{0.1,NaN,Infinity,1e300}'] },
  decimals: { field: 'Decimal[]', values: ['{1.10,0.1,12345678901234567890.5}'] },
  bools: { field: 'Boolean[]', values: ['{t,f}'] },
  texts: { field: 'String[]', values: ['{}', '{a,"b \\"q\\" \\\\","","NULL",ü}'] },
  uuids: { field: 'String[] @db.Uuid', values: ['{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'] },
  colors: { field: 'Color[]', values: ['{}', '{red,blue}'] },
  instants: { field: 'DateTime[]', values: ['{"2024-05-05 10:11:12.123456","0001-01-01"}'] },
  zonedList: { field: 'DateTime[] @db.Timestamptz(3)', values: ['{"2024-05-05 10:11:12.123+02"}'] },
  jsons: { field: 'Json[]', values: ['{"{\\"a\\": 1}","null"}'] },
  byteLists: { field: 'Bytes[]', values: ['{"\\\\x00ff"}'] },
}

const ZMODEL = `
enum Kind { K1 @map('k "one"') K2 }
enum Color { red blue }
type Address { street String no Int }
model Value { id Int @id
${Object.entries(COLUMNS)
  .map(([name, { field }]) => `  ${name} ${field}`)
  .join('\n')}
  @@allow('all', true) }`

describe('a value of each type, from Postgres through capture, log and model', () => {
  let oracle: Oracle
  let model: Model
  /** The row that holds the first value of a column; the others follow. */
  const firstIds = new Map<string, number>()
  const captured = new Map<number, StoredRow>()
  const read = new Map<number, Record<string, unknown>>()

  beforeAll(async () => {
    const schema = await loadSchema(ZMODEL)
    const url = await createDatabase(inject('postgresUrl'))
    oracle = await openOracle(url, schema)
    const name = `values:${randomUUID()}`
    const log = await openRedisLog({ url: inject('redisUrl'), name })
    const found = (await oracle.dataModel(schema)).models.get('Value')
    if (found === undefined) throw new Error('The schema has no model Value.')
    model = found
    const slot = `values_${new URL(url).pathname.slice(1)}`
    await oracle.pool.query(`SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`)
    await oracle.pool.query('CREATE PUBLICATION every_value FOR TABLE "Value"')
    const capture = startCapture({ url, slot, publication: 'every_value', tables: [{ schema: 'public', name: 'Value' }], sink: logSink(log) })
    let id = 0
    await oracle.pool.query('INSERT INTO "Value" (id) VALUES (0)')
    for (const [column, { values }] of Object.entries(COLUMNS)) {
      firstIds.set(column, id + 1)
      for (const value of values) await oracle.pool.query(`INSERT INTO "Value" (id, "${column}") VALUES ($1, $2)`, [++id, value])
    }
    await capture.caughtUp()
    await capture.close()
    let after: EntryId = FIRST_ENTRY_ID
    for (let page = await log.read(after); page.length > 0; page = await log.read(after)) {
      for (const entry of page) {
        after = entry.id
        if (entry.kind !== 'change') continue
        const row = decodeRow(model, parseExactChange(entry.value).after ?? {})
        captured.set(Number(row['id']), row)
      }
    }
    await log.close()
    const client = oracle.client(schema) as unknown as { value: { findMany(): Promise<Record<string, unknown>[]> } }
    for (const record of await client.value.findMany()) read.set(Number(record['id']), record)
  }, 120_000)

  afterAll(() => oracle.close())

  it.each(Object.entries(COLUMNS))('is what findMany returns: %s', (column, { values, isAsked }) => {
    const first = firstIds.get(column) ?? Number.NaN
    for (const [index, value] of values.entries()) {
      const row = captured.get(first + index) ?? {}
      const field = new Set([column])
      const shown = presentRow(model, row, field)
      expect({ value, shown }).toEqual({ value, shown: isAsked === true ? {} : { [column]: read.get(first + index)?.[column] } })
    }
  })

  it('is null, or an empty list, where the column is NULL', () => {
    const asked = Object.entries(COLUMNS).filter(([, { isAsked }]) => isAsked)
    const nulls = Object.fromEntries(asked.map(([name]) => [name, null]))
    expect({ ...presentRow(model, captured.get(0) ?? {}), ...nulls }).toEqual(read.get(0))
  })
})
