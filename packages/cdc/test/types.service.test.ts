import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { captureFixture, type CaptureFixture } from './support/capture-fixture.ts'
import { changes } from './support/events.ts'
import { TYPE_CASES, TYPE_DDL, typeTable } from './support/type-cases.ts'

describe('a value of each type', () => {
  let fixture: CaptureFixture
  let inserted: string
  let nulls: string
  let copied: string

  beforeAll(async () => {
    const table = typeTable('all_types')
    fixture = await captureFixture(inject('postgresUrl'), `${TYPE_DDL}; ${table.create}`, ['all_types'])
    // What the role sets must not show in the events.
    await fixture.sql(`ALTER ROLE postgres IN DATABASE "${new URL(fixture.url).pathname.slice(1)}" SET DateStyle = 'German'`)
    await fixture.sql(`ALTER ROLE postgres IN DATABASE "${new URL(fixture.url).pathname.slice(1)}" SET TimeZone = 'Asia/Tokyo'`)
    const capture = fixture.start()
    await fixture.sql(table.insert)
    await fixture.sql('INSERT INTO all_types (pk) VALUES (2)')
    await fixture.sql('UPDATE all_types SET pk = 3 WHERE pk = 1')
    await capture.caughtUp()
    const values = changes(fixture.sink.entries).map((entry) => entry.value)
    ;[inserted = '', nulls = '', , copied = ''] = values
  })
  afterAll(() => fixture.close())

  it.each(TYPE_CASES)('$type $sql becomes $json', ({ name, json }) => {
    const after = inserted.slice(inserted.indexOf('"after":'), inserted.indexOf(',"source":'))
    expect(fieldText(after, name)).toBe(json)
  })

  it('is null where the column is NULL, and absent where the type is not captured', () => {
    const { after } = JSON.parse(nulls) as { after: Record<string, unknown> }
    expect(after).toEqual({ pk: 2, ...Object.fromEntries(TYPE_CASES.filter(({ json }) => json !== undefined).map(({ name }) => [name, null])) })
  })

  it('names the columns that are left out', () => {
    const { excluded } = JSON.parse(inserted) as { excluded: string[] }
    expect(excluded).toEqual(TYPE_CASES.filter(({ json }) => json === undefined).map(({ name }) => name))
  })

  it('is the same in the old row as in the new one', () => {
    const before = JSON.parse(inserted) as { after: unknown }
    const { after } = JSON.parse(copied) as { after: unknown }
    expect(after).toEqual({ ...(before.after as object), pk: 3 })
  })
})

/** The text of a field, up to where the next one begins: numbers beyond 2^53 would not survive parsing. */
function fieldText(json: string, name: string): string | undefined {
  const names = ['pk', ...TYPE_CASES.filter((one) => one.json !== undefined).map((one) => one.name)]
  const label = `"${name}":`
  const start = json.search(new RegExp(`[{,]${label}`))
  if (start < 0) return undefined
  const next = names[names.indexOf(name) + 1]
  const end = next === undefined ? json.length - 1 : json.indexOf(`,"${next}":`, start)
  return json.slice(start + 1 + label.length, end)
}
