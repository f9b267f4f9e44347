import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findDebezium, startDebezium } from '@zenstack-live/testing'
import { Redis } from 'ioredis'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { captureFixture, type CaptureFixture } from './support/capture-fixture.ts'
import { differences, masked, type DebeziumMessage } from './support/compare-debezium.ts'
import { SCENARIO, SCENARIO_DDL, SCENARIO_IDENTITIES, SCENARIO_TABLES } from './support/debezium-scenario.ts'
import { changes } from './support/events.ts'
import { eventually } from './support/eventually.ts'

/*
 * The same statements through Debezium Server and through our capture. What Debezium wrote is kept in a file, so that the comparison
 * runs everywhere; where Java and the distribution are at hand, both read one WAL. `RECORD=1` writes the file anew.
 */

const VERSION = '3.6.0'
const RECORDED = join(import.meta.dirname, 'fixtures', `debezium-${VERSION}.jsonl`)
const SETTINGS = join(import.meta.dirname, '../../../debezium/application.properties')

/** Where we differ on purpose; docs/debezium.md says why. */
const KNOWN = [
  // An array of arrays is nested here, and a list of nulls there.
  /^value\.(before|after)\.ia2: ours \[\[1,2\],\[3,4\]\], theirs \[null,null\]$/,
  // The pairs of an hstore come in the order of Postgres here, and of a Java HashMap there.
  /^value\.(before|after)\.hs: ours "\{\\"key\\":\\"va\\\\\\"l\\",\\"none\\":null\}", theirs "\{\\"none\\":null,\\"key\\":\\"va\\\\\\"l\\"\}"$/,
  // An array of a domain is an array here, and left out there.
  /^value\.(before|after)\.doma: ours (\["1\.50"\]|null), theirs undefined$/,
  // The type `name` has its text here, and is always NULL there.
  /^value\.(before|after)\.nm: ours "abc", theirs null$/,
  // An array of bits is left out here, and always NULL there.
  /^value\.(before|after)\.bita: ours undefined, theirs null$/,
  // Bytes that were not sent say so here, and look like NULL there.
  /^value\.after\.bytes: ours "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==", theirs null$/,
]

let fixture: CaptureFixture | undefined
afterEach(async () => {
  await fixture?.close()
  fixture = undefined
})

async function open(): Promise<CaptureFixture> {
  fixture = await captureFixture(inject('postgresUrl'), SCENARIO_DDL, SCENARIO_TABLES)
  await fixture.sql(SCENARIO_IDENTITIES)
  return fixture
}

async function ours({ sql, sink, start }: CaptureFixture): Promise<DebeziumMessage[]> {
  for (const statement of SCENARIO) await sql(statement)
  await start({ messagePrefixes: ['foo'] }).caughtUp()
  return changes(sink.entries).map(({ key, value }) => ({ key: key ?? 'default', value }))
}

function compare(ourMessages: DebeziumMessage[], theirMessages: DebeziumMessage[], isSameWal: boolean): { unexplained: string[]; explained: number } {
  expect(ourMessages.length).toBe(theirMessages.length)
  const all = ourMessages.flatMap((message, index) => {
    const theirs = theirMessages[index] ?? { key: '', value: '{}' }
    return differences(masked(message, isSameWal), masked(theirs, isSameWal)).map((line) => ({ index, line }))
  })
  const unexplained = all.filter(({ line }) => !KNOWN.some((pattern) => pattern.test(line)))
  return { unexplained: unexplained.map(({ index, line }) => `#${index} ${line}`), explained: all.length - unexplained.length }
}

describe(`Debezium Server ${VERSION}`, () => {
  it('wrote the same for the same statements', async () => {
    const recorded = readFileSync(RECORDED, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as DebeziumMessage)
    const { unexplained, explained } = compare(await ours(await open()), recorded, false)
    expect(unexplained).toEqual([])
    // Each of the known differences is still one.
    expect(explained).toBe(34)
  })

  it.skipIf(findDebezium() === undefined)('writes the same from the same WAL', { timeout: 240_000 }, async () => {
    const opened = await open()
    const program = findDebezium()
    if (program === undefined) throw new Error('Debezium Server went away.')
    const redis = new Redis(inject('redisUrl'))
    const stream = `debezium:${opened.slot}`
    const slot = `dbz_${opened.slot}`
    const debezium = await startDebezium({
      program,
      settingsFile: SETTINGS,
      postgresUrl: opened.url,
      redisUrl: inject('redisUrl'),
      settings: {
        'debezium.source.slot.name': slot,
        'debezium.transforms.route.replacement': stream,
        'debezium.source.offset.storage.redis.key': `${stream}:offsets`,
      },
    })
    try {
      const written = await ours(opened)
      let messages: DebeziumMessage[] = []
      await eventually(async () => {
        messages = (await redis.xrange(stream, '-', '+')).map(([, fields]) => ({ key: fields[1] ?? '', value: fields[3] ?? '' })).filter(isChange)
        expect(messages.length).toBeGreaterThanOrEqual(written.length)
      }, 60_000)
      if (process.env['RECORD'] === '1') record(messages)
      expect(compare(written, messages, true).unexplained).toEqual([])
    } finally {
      await debezium.stop()
      await redis.del(stream, `${stream}:offsets`)
      redis.disconnect()
      await opened.sql('SELECT pg_drop_replication_slot($1)', [slot]).catch(() => undefined)
    }
  })
})

/** Neither BEGIN, END nor heartbeat, nor a message of ours. */
function isChange({ key, value }: DebeziumMessage): boolean {
  return value.includes('"op":"') && key !== '{"prefix":"zenstack_live"}'
}

function record(messages: readonly DebeziumMessage[]): void {
  mkdirSync(join(RECORDED, '..'), { recursive: true })
  writeFileSync(RECORDED, messages.map(({ key, value }) => `${JSON.stringify({ key, value })}\n`).join(''))
}
