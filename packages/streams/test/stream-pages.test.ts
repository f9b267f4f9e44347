import { FIRST_ENTRY_ID } from '@zenstack-live/protocol'
import { describe, expect, it } from 'vitest'
import { createStreamPages } from '../src/page/stream-pages.ts'
import { noteEntries } from './support/note-entries.ts'

const entriesOf = (count: number) => noteEntries(count).flatMap(({ entries }) => entries)

describe('the pages that streams of a process share', () => {
  it('are sorted once for all who read them about now', () => {
    const pages = createStreamPages(2)
    const [first, second] = [entriesOf(3), entriesOf(3)]
    const page = pages.of(first, FIRST_ENTRY_ID)
    expect(pages.of(second, FIRST_ENTRY_ID)).not.toBe(page)
    expect(pages.of(first, FIRST_ENTRY_ID)).toBe(page)
    expect(page.tables.get('public.Note')).toHaveLength(3)
  })

  it('are let go when others came, and sorted again for who comes late', () => {
    const pages = createStreamPages(2)
    const first = entriesOf(1)
    const page = pages.of(first, FIRST_ENTRY_ID)
    for (let newer = 0; newer < 2; newer++) pages.of(entriesOf(1), FIRST_ENTRY_ID)
    const again = pages.of(first, FIRST_ENTRY_ID)
    expect(again).not.toBe(page)
    expect(again.last).toBe(page.last)
  })
})
