import { compileRowPlan } from '@zenstack-live/access'
import { presentRow } from '@zenstack-live/model'
import { loadSchema, openOracle, rowsOf } from '@zenstack-live/testing/oracle'
import { ZenStackClient } from '@zenstackhq/orm'
import { PostgresDialect } from '@zenstackhq/orm/dialects/postgres'

// Run as a process of its own, whose TZ and whose database's TimeZone are not UTC: prints what ZenStack reads and what memory makes of it.
// The parsers that ZenStack sets are those of the whole process, so the other setting needs another one.

const [url = '', option] = process.argv.slice(2)
const where = { at: '2024-05-05T10:00:00.123Z', day: { lte: '2024-05-05T00:00:00Z' }, tz: { gt: '2024-05-05T10:00:00Z' } }

const schema = await loadSchema(`model Time { id Int @id at DateTime? day DateTime? @db.Date tz DateTime? @db.Timestamptz(3) list DateTime[]
  @@allow('read', id == 1 || at < now()) }`)
const oracle = await openOracle(url, schema)
await oracle.insert(
  '"Time"',
  ['id', 'at', 'day', 'tz', 'list'],
  [['1', '2024-05-05 10:00:00.123', '2024-05-05', '2024-05-05 10:00:00.123Z', '{"2024-05-05 10:00:00.123"}']],
)
const raw = (await oracle.capture())('public.Time')
const data = await oracle.dataModel(schema)
const options = { dialect: new PostgresDialect({ pool: oracle.pool }), ...(option === 'unfixed' ? { fixPostgresTimezone: false } : {}) }
const client = new ZenStackClient(schema, options as never) as unknown as { time: { findMany(args?: object): Promise<object[]> } }
const plan = compileRowPlan(data, { model: 'Time', where, isPolicyOn: false })
const rows = rowsOf(data, 'Time', raw).map(({ row }) => row)
const said = {
  zones: [process.env['TZ'], data.catalog.timeZone],
  records: await client.time.findMany(),
  presented: rows.map((row) => presentRow(plan.model, row)),
  found: (await client.time.findMany({ where })).length,
  decided: rows.filter((row) => plan.decide(row, { auth: null, now: 0 }) === true).length,
  isNowLocal: compileRowPlan(data, { model: 'Time', isPolicyOn: true }).isLocal,
}
await oracle.close()
process.stdout.write(JSON.stringify(said))
