import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createDatabase } from '@zenstack-live/testing'
import pg from 'pg'
import { describe, expect, inject, it } from 'vitest'

interface Said {
  readonly zones: readonly string[]
  readonly records: readonly Record<string, unknown>[]
  readonly presented: readonly Record<string, unknown>[]
  readonly found: number
  readonly decided: number
  readonly isNowLocal: boolean
}

async function readFarFromUtc(option: 'fixed' | 'unfixed'): Promise<Said> {
  const url = await createDatabase(inject('postgresUrl'))
  const setup = new pg.Client(url)
  await setup.connect()
  await setup.query(`ALTER DATABASE "${new URL(url).pathname.slice(1)}" SET TimeZone = 'America/New_York'`)
  await setup.end()
  const file = fileURLToPath(new URL('support/read-in-time-zone.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@zenstack-live/source', file, url, option], {
    env: { ...process.env, TZ: 'Asia/Tokyo' },
  })
  return JSON.parse(stdout) as Said
}

const AT = '2024-05-05T10:00:00.123Z'
const UTC = [{ id: 1, at: AT, day: '2024-05-05T00:00:00.000Z', tz: AT, list: [AT] }]

describe('in a process and a database that are not in UTC', () => {
  it('timestamps and dates are read, shown and filtered in UTC, by ZenStack and in memory', async () => {
    const said = await readFarFromUtc('fixed')
    expect(said).toEqual({
      zones: ['Asia/Tokyo', 'America/New_York'],
      records: UTC,
      presented: UTC,
      found: 1,
      decided: 1,
      // There `now()` is another local time than that of the column.
      isNowLocal: false,
    })
  })

  it("with fixPostgresTimezone off, timestamps are shown in the process's own time, and so memory may not decide for such a client", async () => {
    const { records, found } = await readFarFromUtc('unfixed')
    const [record] = records
    expect([record?.['at'], record?.['tz'], record?.['day'], found]).toEqual(['2024-05-05T01:00:00.123Z', AT, '2024-05-04T15:00:00.000Z', 1])
  })
})
