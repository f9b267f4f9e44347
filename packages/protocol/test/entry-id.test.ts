import { compareEntryIds, parseEntryId } from '@zenstack-live/protocol'
import { describe, expect, it } from 'vitest'

describe('entry ids', () => {
  it('are ordered as numbers, not as text', () => {
    expect(compareEntryIds(parseEntryId('9-0'), parseEntryId('10-0'))).toBeLessThan(0)
    expect(compareEntryIds(parseEntryId('10-2'), parseEntryId('10-10'))).toBeLessThan(0)
    expect(compareEntryIds(parseEntryId('18446744073709551615-0'), parseEntryId('9007199254740993-0'))).toBeGreaterThan(0)
  })

  it('refuse what is not two unsigned 64-bit decimals', () => {
    for (const text of ['', '1', '-1', '1-', '01-0', '1-0 ', '1.0-1', '18446744073709551616-0', '1-0-0'])
      expect(() => parseEntryId(text)).toThrow(/entry id/)
  })
})
