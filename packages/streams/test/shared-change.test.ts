import { FIRST_ENTRY_ID } from '@zenstack-live/protocol'
import { expect, it } from 'vitest'
import { SharedChange } from '../src/page/shared-change.ts'
import { noteEntries } from './support/note-entries.ts'

it('keeps few large changes parsed, and the newest whatever its size', () => {
  const changes = noteEntries(3).flatMap(({ entries }) =>
    entries.map((entry) => {
      if (entry.kind !== 'change') throw new Error('Notes are changes.')
      const value = entry.value.replace('"body":"b"', `"body":"${'b'.repeat(3_000_000)}"`)
      return new SharedChange({ ...entry, value }, FIRST_ENTRY_ID)
    }),
  )
  const images = changes.map((change) => change.images())
  expect(changes.map((change) => change.images()).filter((image, index) => image === images[index])).toEqual([])
  expect(changes[2]?.images()).toBe(changes[2]?.images())
})
