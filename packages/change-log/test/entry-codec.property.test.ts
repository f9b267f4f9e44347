import { makeEntryId, parseLsn, type LogEntry } from '@zenstack-live/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { restoreEntry, storeEntry } from '../src/entry-codec.ts'
import { jsonMember } from '../src/json-member.ts'

const base = fc.record({ lsn: fc.bigInt({ min: 0n, max: 2n ** 52n - 1n }), minor: fc.nat() })
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })

const entry: fc.Arbitrary<LogEntry> = base.chain(({ lsn: bytes, minor }) => {
  const lsn = parseLsn(bytes.toString())
  const id = makeEntryId(1, lsn, minor)
  // `default` is Debezium's word for no key; a key is JSON otherwise.
  const key = fc.option(fc.json())
  return fc.oneof(
    fc.record({
      kind: fc.constant('change' as const),
      id: fc.constant(id),
      lsn: fc.constant(lsn),
      xid: uint32,
      isLastOfTransaction: fc.boolean(),
      key,
      value: fc.json(),
    }),
    fc.record({ kind: fc.constant('progress' as const), id: fc.constant(id), lsn: fc.constant(lsn) }),
    fc.record({ kind: fc.constant('epoch' as const), id: fc.constant(id), lsn: fc.constant(lsn), epoch: fc.nat(4095), reason: fc.string() }),
    fc.record(
      {
        kind: fc.constant('bulk' as const),
        id: fc.constant(id),
        lsn: fc.constant(lsn),
        xid: uint32,
        reason: fc.constant('schema' as const),
        isLastOfTransaction: fc.constant(true as const),
        tables: fc.array(fc.string()),
      },
      { requiredKeys: ['kind', 'id', 'lsn', 'xid', 'isLastOfTransaction', 'tables'] },
    ),
  ) as fc.Arbitrary<LogEntry>
})

describe('stored entries', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(entry, (each) => {
        expect(restoreEntry(each.id, storeEntry(each))).toEqual(each)
      }),
    )
  })

  it('of an unknown kind are not taken for ours', () => {
    const id = makeEntryId(1, parseLsn('1'), 1)
    for (const header of ['', 'x:1', 'c', 'c:', 'c:a:1:1']) expect(restoreEntry(id, { header, key: '', value: '' })).toBeUndefined()
  })
})

describe('a member of a JSON object', () => {
  it('is cut out as it stands', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), fc.jsonValue(), fc.constantFrom(0, 1, 2), (rest, name, value, spaces) => {
        const object = { ...rest, [name]: value }
        const found = jsonMember(JSON.stringify(object, null, spaces), name)
        expect(JSON.parse(found ?? 'missing')).toEqual(JSON.parse(JSON.stringify(object[name])))
      }),
    )
  })
})
