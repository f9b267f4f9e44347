import { makeEntryId, parseLsn } from '@zenstack-live/protocol'
import { describe, expect, it } from 'vitest'
import type { CaptureMemory } from '../src/memory.ts'
import { planNumbering, type FoundLog } from '../src/plan-numbering.ts'
import { selectionOf, type SelectionOptions } from '../src/selection.ts'

const memoryOf = (selection: string, sinceLsn: string): CaptureMemory => ({
  systemId: '7',
  timeline: 1,
  confirmed: undefined,
  shapes: { catalog: {}, stream: {} },
  numbering: { selection, sinceLsn },
})
const wholeAt = (lsn: string): FoundLog['whole'] => ({ lsn: parseLsn(lsn), newest: makeEntryId(1, parseLsn(lsn), 1) })
const found = (memory: CaptureMemory | undefined, lsn: string): FoundLog => ({ memory, whole: wholeAt(lsn), isNewEpoch: false })

describe('planNumbering', () => {
  it('passes over what another selection captured, and later starts pass over the same and no more', () => {
    const first = planNumbering(found(memoryOf('old', '10'), '100'), 'new')
    expect(first).toEqual({ selection: 'new', sinceLsn: '100' })
    expect(planNumbering(found(memoryOf('new', '100'), '900'), 'new')).toEqual(first)
  })

  it('passes over nothing that the log lost', () => {
    expect(planNumbering(found(memoryOf('new', '100'), '60'), 'new').sinceLsn).toBe('60')
  })

  it('passes over nothing where no mark would tell of tables that are new, and in a new epoch', () => {
    const memory = memoryOf('old', '10')
    for (const log of [
      found(undefined, '100'),
      found({ ...memory, shapes: undefined }, '100'),
      { ...found(memory, '100'), whole: undefined },
      { ...found(memory, '100'), isNewEpoch: true },
    ])
      expect(planNumbering(log, 'new')).toEqual({ selection: 'new', sinceLsn: '0' })
  })
})

describe('selectionOf', () => {
  const options: SelectionOptions = {
    tables: [
      { schema: 'a', name: 't' },
      { schema: 'b', name: 'u', columns: ['x', 'y'] },
    ],
    messagePrefixes: ['p', 'q'],
    limits: { maxTransactionEntries: 1, maxTransactionBytes: 2 },
    version: '1',
  }

  it('does not go by the order in which things are named', () => {
    const turned = {
      ...options,
      tables: [
        { schema: 'b', name: 'u', columns: ['y', 'x'] },
        { schema: 'a', name: 't' },
      ],
      messagePrefixes: ['q', 'p'],
    }
    expect(selectionOf(turned)).toBe(selectionOf(options))
  })

  it.each<[string, Partial<SelectionOptions>]>([
    ['tables', { tables: options.tables.slice(1) }],
    ['messages', { messagePrefixes: 'all' }],
    ['limits', { limits: { ...options.limits, maxTransactionBytes: 3 } }],
    ['version', { version: '2' }],
  ])('tells apart other %s', (_what, change) => {
    expect(selectionOf({ ...options, ...change })).not.toBe(selectionOf(options))
  })
})
