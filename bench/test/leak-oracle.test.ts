import { schema } from '@zenstack-live/testing/studio'
import { encodeFrame, ERROR_CODES, queryId, type Frame, type RowChange, type WireQuery } from '@zenstack-live/protocol'
import { serialize } from '@zenstackhq/client-helpers/fetch'
import { describe, expect, it } from 'vitest'
import { createLeakOracle, type LeakOracle } from '../src/live/leak-oracle.ts'
import type { DatabaseState } from '../src/live/observed-commits.ts'
import { rowsIn, type SeenRow } from '../src/live/rows-in.ts'
import { STUDIO_POLICIES } from '../src/live/studio-policies.ts'
import type { AskedQuery } from '../src/live/client-network.ts'

/** Where the log ended in each state of the history below. */
const ENDS = [100n, 200n, 300n]
const [FIRST, SECOND, THIRD] = ['100-1', '200-1', '300-1'] as const

const note = (id: number, rank: number, secret: string | null = null): object => ({ id, ownerId: 'ann', body: `body ${id}`, rank, secret })

/**
 * What ann may read, state by state: a note whose rank changes, one that is hers for a while, some whose secrets are kept back from her later, and a task
 * with a comment.
 */
const ROWS: readonly (readonly (readonly [string, object])[])[] = [
  [
    ['Note', note(1, 1)],
    ['Note', note(2, 7, 'kept')],
    ['Note', note(4, 1, 'hers')],
    ['Note', note(5, 5)],
    ['Note', note(6, 6, 'hers')],
  ],
  [
    ['Note', note(1, 2)],
    ['Note', note(4, 3)],
    ['Note', note(5, 5)],
    ['Note', note(6, 6)],
    ['Note', note(8, 8, 'kept')],
    ['Task', { id: 't1', title: 'a task', priority: 3 }],
    ['Comment', { id: 'c1', taskId: 't1', body: 'a word' }],
  ],
  [
    ['Note', note(1, 2)],
    ['Note', note(3, 4)],
    ['Note', note(4, 5)],
    ['Task', { id: 't1', title: 'a task', priority: 3 }],
  ],
]

/** What there is beside it. */
const KEPT_BACK: readonly (readonly object[])[] = [[], [note(4, 3, 'hers')], []]

const NOTES = { model: 'Note', operation: 'findMany', args: { orderBy: [{ rank: 'desc' }] } } as const satisfies WireQuery
const TASKS = { model: 'Task', operation: 'findMany', args: { include: { comments: true } } } as const satisfies WireQuery
const RANKS = { model: 'Note', operation: 'groupBy', args: { by: ['rank'], _count: true } } as const satisfies WireQuery
const HIGHEST = { model: 'Note', operation: 'aggregate', args: { _max: { rank: true } } } as const satisfies WireQuery
const COUNT = { model: 'Note', operation: 'count' } as const satisfies WireQuery
const EXISTS = { model: 'Note', operation: 'exists' } as const satisfies WireQuery
const BODIES = { model: 'Note', operation: 'findMany', args: { select: { body: true } } } as const satisfies WireQuery
const PROBE = {
  model: 'Note',
  operation: '$changes',
  args: { updated: { after: { secret: { startsWith: 'ke' } } } },
} as const satisfies WireQuery
const CHANGES = { model: 'Note', operation: '$changes', args: { created: {}, updated: {}, deleted: {} } } as const satisfies WireQuery

const asked = new Map<string, AskedQuery>(
  [NOTES, TASKS, RANKS, HIGHEST, COUNT, EXISTS, BODIES, CHANGES, PROBE].map((wire) => [
    queryId(wire),
    { model: wire.model, operation: wire.operation, args: 'args' in wire ? wire.args : {}, hidesKeys: wire === BODIES },
  ]),
)

/** @param askAnew - what ann may read, as the client says */
function oracleOf({ askAnew = () => never(), time }: { askAnew?: () => readonly SeenRow[]; time?: 'appears' | 'vanishes' } = {}): LeakOracle {
  const counted = { rows: 0, deniedRows: 0, deniedFields: 0 }
  const oracle = createLeakOracle({
    commits: { begun: 0, commit: () => never(), askAnew: async () => ({ ...counted, seen: askAnew() }), close: () => never() },
    policies: { ...STUDIO_POLICIES, time },
  })
  oracle.note(
    ROWS.map((records, state): DatabaseState => {
      const rows = records.flatMap(([model, record]) => rowsIn(schema, model, record))
      const all = [
        ...rows.filter(({ fields }) => state !== 1 || fields.get('id') !== '4'),
        ...(KEPT_BACK[state] ?? []).flatMap((record) => rowsIn(schema, 'Note', record)),
      ]
      return { end: ENDS[state] ?? 0n, readable: new Map([['ann', JSON.stringify(records)]]), rows: new Map([['ann', rows]]), all }
    }),
  )
  return oracle
}

const never = (): never => {
  throw new Error('Nobody asks a database here.')
}

/** How many leaks there are in these frames, which came when as many transactions had been sent off. */
function leaksIn(frames: readonly Frame[], begun = ENDS.length): number {
  return leaksInText([frames.map(encodeFrame).join('')], begun)
}

function leaksInText(texts: readonly string[], begun = ENDS.length): number {
  return oracleOf().countLeaks({ answers: [{ user: 'ann', chunks: texts.map((text) => ({ text, begun })) }], asked })
}

const snapshot = (wire: WireQuery, at: string, rows: readonly { key: string; row: object; sort?: string }[]): Frame => {
  const { data, meta } = serialize(rows)
  return { event: 'snapshot', q: queryId(wire), at, part: 0, isLast: true, shape: 'rows', rows: data, meta } as Frame
}
const value = (wire: WireQuery, at: string, data: unknown): Frame =>
  ({ event: 'snapshot', q: queryId(wire), at, part: 0, isLast: true, shape: 'value', value: data }) as Frame
const change = (wire: WireQuery, at: string, ops: readonly object[]): Frame => ({ event: 'change', q: queryId(wire), at, ops }) as Frame
const changes = (at: string, ...told: readonly Pick<RowChange, 'type'>[]): Frame =>
  ({
    event: 'changes',
    q: queryId(CHANGES),
    at,
    changes: told.map((one) => ({ date: '2026-01-02T03:04:05.678Z', ...one })),
  }) as unknown as Frame
const ready = (wire: WireQuery, at: string): Frame =>
  ({ event: 'ready', q: queryId(wire), at, engine: 'incremental', shape: 'rows', ticket: '' }) as Frame
const opened = snapshot(NOTES, FIRST, [])
const given = snapshot(NOTES, FIRST, [{ key: '1', row: note(1, 1), sort: placeOf(1, 1) }])

describe('the leak oracle', () => {
  it('lets what could be read go by', () => {
    expect(
      leaksIn([
        snapshot(NOTES, FIRST, [
          { key: '2', row: note(2, 7, 'kept') },
          { key: '1', row: note(1, 1), sort: placeOf(1, 1) },
        ]),
        change(NOTES, SECOND, [
          { op: 'leave', key: '2' },
          { op: 'update', key: '1', set: { rank: 2 } },
        ]),
        change(NOTES, THIRD, [{ op: 'enter', key: '3', row: note(3, 4) }]),
        snapshot(TASKS, SECOND, [{ key: 't1', row: { id: 't1', title: 'a task', comments: [{ id: 'c1', body: 'a word' }] } }]),
        value(RANKS, THIRD, [
          { rank: 2, _count: 1 },
          { rank: 4, _count: 1 },
        ]),
        value(HIGHEST, THIRD, { _max: { rank: 4 } }),
        value(COUNT, THIRD, 3),
        value(EXISTS, THIRD, true),
        snapshot(TASKS, SECOND, [{ key: 't1', row: { id: 't1', _count: { comments: 1 } } }]),
        ready(CHANGES, FIRST),
        changes(
          SECOND,
          { type: 'updated', updated: { before: note(1, 1), after: note(1, 2) } } as never,
          { type: 'updated', updated: { before: note(4, 1), after: note(4, 3) } } as never,
          { type: 'deleted', deleted: { id: 2 } } as never,
        ),
      ]),
    ).toBe(0)
  })

  it.each<[string, Frame[]]>([
    ['a field of before, in a row that is still readable', [snapshot(NOTES, SECOND, [{ key: '1', row: note(1, 1) }])]],
    ['a row of before', [snapshot(NOTES, SECOND, [{ key: '2', row: { id: 2 } }])]],
    ['two fields that were never there together', [snapshot(NOTES, FIRST, [{ key: '1', row: { id: 1, rank: 1, secret: 'kept' } }])]],
    ['a row that enters and could not be read yet', [opened, change(NOTES, SECOND, [{ op: 'enter', key: '2', row: { id: 2 } }])]],
    [
      'a field in an update',
      [snapshot(NOTES, FIRST, [{ key: '1', row: note(1, 1) }]), change(NOTES, THIRD, [{ op: 'update', key: '1', set: { rank: 7 } }])],
    ],
    ['an update of a row that the query never had', [opened, change(NOTES, SECOND, [{ op: 'update', key: '1', set: { rank: 2 } }])]],
    ['a move of a row that the query never had', [opened, change(NOTES, SECOND, [{ op: 'move', key: '1', index: 0 }])]],
    ['the leave of a row that the query never had', [opened, change(NOTES, SECOND, [{ op: 'leave', key: '2' }])]],
    ['a place that tells of another rank', [snapshot(NOTES, FIRST, [{ key: '1', row: { id: 1, rank: 1 }, sort: placeOf(7, 1) }])]],
    ['a place that tells of a field that is not shown', [snapshot(NOTES, FIRST, [{ key: '1', row: { id: 1 }, sort: placeOf(7, 1) }])]],
    ['a row inside another', [snapshot(TASKS, THIRD, [{ key: 't1', row: { id: 't1', comments: [{ id: 'c1', body: 'a word' }] } }])]],
    ['a group of what nobody may read', [value(RANKS, THIRD, [{ rank: 7, _count: 1 }])]],
    ['an extreme of what nobody may read', [value(HIGHEST, THIRD, { _max: { rank: 7 } })]],
    ['more rows than there were', [value(COUNT, THIRD, 4)]],
    ['more rows than there were at any one time', [value(COUNT, FIRST, 6)]],
    [
      'more rows of all groups',
      [
        value(
          RANKS,
          THIRD,
          [2, 4, 5].map((rank) => ({ rank, _count: { _all: 2 } })),
        ),
      ],
    ],
    ['more rows of an aggregate', [value(HIGHEST, THIRD, { _count: { _all: 4 } })]],
    ['more related rows than there were', [snapshot(TASKS, SECOND, [{ key: 't1', row: { id: 't1', _count: { comments: 2 } } }])]],
    [
      'a count of related rows in a row that changes',
      [
        snapshot(TASKS, THIRD, [{ key: 't1', row: { id: 't1' } }]),
        change(TASKS, THIRD, [{ op: 'update', key: 't1', set: { _count: { comments: 1 } } }]),
      ],
    ],
    ['what is no count', [value(COUNT, THIRD, '1')]],
    ['what is neither true nor false', [value(EXISTS, THIRD, 1)]],
    ['a field that the model does not have', [snapshot(NOTES, FIRST, [{ key: '1', row: { id: 1, hidden: 1 } }])]],
    ['a plain key of a query that hides them', [snapshot(BODIES, FIRST, [{ key: '1', row: { body: 'body 1' } }])]],
    ['a query that nobody asked', [snapshot({ model: 'Tag', operation: 'findMany' }, FIRST, [])]],
    [
      'what a change was before, of which nothing was readable',
      [ready(CHANGES, FIRST), changes(SECOND, { type: 'updated', updated: { before: note(1, 5), after: note(1, 2) } } as never)],
    ],
    [
      'what a change was before, of before the stream began',
      [ready(CHANGES, SECOND), changes(THIRD, { type: 'updated', updated: { before: note(4, 1), after: note(4, 5) } } as never)],
    ],
    [
      'a field of before that is kept back now',
      [ready(CHANGES, FIRST), changes(SECOND, { type: 'updated', updated: { before: note(4, 1, 'hers'), after: note(4, 3) } } as never)],
    ],
    ['another field of a deleted row', [ready(CHANGES, FIRST), changes(SECOND, { type: 'deleted', deleted: { rank: null } } as never)]],
    ['an update that tells what is known', [given, change(NOTES, SECOND, [{ op: 'update', key: '1', set: { ownerId: 'ann' } }])]],
    ['a move to where it is', [given, change(NOTES, FIRST, [{ op: 'move', key: '1', sort: placeOf(1, 1) }])]],
    ['the entering of what is there', [given, change(NOTES, FIRST, [{ op: 'enter', key: '1', row: note(1, 1), sort: placeOf(1, 1) }])]],
    ['a value that is what it was', [value(COUNT, SECOND, 2), change(COUNT, THIRD, [{ op: 'value', value: 2 }])]],
    ['a change of nothing', [given, change(NOTES, SECOND, [])]],
    ['no changes', [ready(CHANGES, FIRST), changes(SECOND)]],
    [
      'a change of a row that shows none',
      [ready(CHANGES, SECOND), changes(THIRD, { type: 'updated', updated: { before: null, after: note(1, 2) } } as never)],
    ],
    ['what a change is since', [ready(CHANGES, FIRST), changes(SECOND, { type: 'created', created: note(2, 7, 'kept') } as never)]],
  ])('reports %s', (_, frames) => {
    expect(leaksIn(frames)).toBe(1)
  })

  it.each<[string, object]>([
    ['an event of an unknown name', { event: 'debug' }],
    ['a frame without its query', { ...opened, q: undefined }],
    ['a member that no frame has', { ...opened, total: 7 }],
    ['a member that no row has', { ...opened, rows: [{ key: '1', row: note(1, 1), secret: 'x' }] }],
    ['a member that no operation has', { ...change(NOTES, FIRST, [{ op: 'enter', key: '1', row: note(1, 1), was: 7 }]) }],
    ['a member that no change has', changes(SECOND, { type: 'created', created: note(1, 2), by: 'bob' } as never)],
    ['more than before and after', changes(SECOND, { type: 'updated', updated: { before: null, after: note(1, 2), was: 7 } } as never)],
    ['a reason in other words', { event: 'bye', reason: 'bob' }],
    ['an error in other words', { event: 'error', q: queryId(NOTES), code: 'row_limit', message: 'There are 7 rows.' }],
  ])('reports %s', (_, frame) => {
    const before = [opened, ready(CHANGES, FIRST)]
    expect([leaksIn(before), leaksIn([...before, frame as Frame])]).toEqual([0, 1])
  })

  it('lets an error be told in its own words', () => {
    const { sentence: message } = ERROR_CODES.row_limit
    expect(leaksIn([{ event: 'error', q: queryId(NOTES), code: 'row_limit', message }])).toBe(0)
    const body = JSON.stringify({ error: { code: 'row_limit', message } })
    expect([leaksInText([body]), leaksInText([body.slice(0, 20)]), leaksInText([body.replace('more', '7 more')])]).toEqual([0, 0, 1])
  })

  it('reports a line that nobody reads, and a text that could not be read yet, wherever it stands', () => {
    expect(leaksInText([': tok', '000001x\n\n'])).toBe(2)
    expect(leaksInText(['id: tok000', '001x\n', '\nid: tok000'])).toBe(1)
    expect(leaksInText(['{"error":"tok000001x"}'])).toBe(2)
  })

  it('reports a change by a condition on what is kept back, and one that nobody asked for', () => {
    const told = (one: object): Frame[] => [ready(PROBE, FIRST), { ...changes(SECOND, one as never), q: queryId(PROBE) } as Frame]
    const met = { type: 'updated', updated: { before: null, after: { ...note(8, 8), secret: 'kept' } } }
    expect(leaksIn(told(met))).toBe(0)
    expect(leaksIn(told({ type: 'updated', updated: { before: null, after: note(4, 3) } }))).toBe(1)
    expect(leaksIn(told({ type: 'deleted', deleted: { id: 2 } }))).toBe(1)
  })

  it('lets a row be told again to who went on from an earlier connection', () => {
    const again = change(NOTES, SECOND, [{ op: 'enter', key: '1', row: note(1, 2) }])
    expect(leaksIn([ready(NOTES, FIRST), again, again])).toBe(0)
    expect(leaksIn([ready(NOTES, FIRST), again, change(NOTES, THIRD, [{ op: 'update', key: '1', set: { rank: 2 } }])])).toBe(1)
  })

  it('reports a change from what is the same, but not where something is kept back since', () => {
    const same = (id: number, rank: number): Frame[] => [
      ready(CHANGES, FIRST),
      changes(SECOND, { type: 'updated', updated: { before: note(id, rank), after: note(id, rank) } } as never),
    ]
    expect([leaksIn(same(5, 5)), leaksIn(same(6, 6))]).toEqual([2, 0])
  })

  it('compares all that was noted with what the client says now, in every field', async () => {
    const noted = (ROWS.at(-1) ?? []).flatMap(([model, record]) => rowsIn(schema, model, record))
    const [other, added] = [rowsIn(schema, 'Note', note(3, 5)), rowsIn(schema, 'Note', note(7, 1))]
    const isSame = (askAnew: () => readonly SeenRow[], time?: 'appears'): Promise<boolean> =>
      oracleOf({ askAnew, ...(time === undefined ? {} : { time }) })
        .check()
        .then(
          () => true,
          () => false,
        )
    expect(await isSame(() => noted)).toBe(true)
    expect(await isSame(() => noted.toReversed())).toBe(true)
    expect(await isSame(() => [...noted, ...added])).toBe(false)
    expect(await isSame(() => noted.slice(1))).toBe(false)
    expect(await isSame(() => [...noted.filter(({ fields }) => fields.get('id') !== '3'), ...other])).toBe(false)
    expect(await isSame(() => noted.slice(1), 'appears')).toBe(true)
    expect(await isSame(() => [...noted, ...other], 'appears')).toBe(false)
  })

  it('reports what nobody had written yet when it came', () => {
    const frames = [snapshot(NOTES, FIRST, [{ key: '3', row: note(3, 4) }])]
    expect([leaksIn(frames), leaksIn(frames, 2)]).toEqual([0, 1])
  })
})

/** As edges write it: falling by rank, as the bits of a double with each unit turned around, then rising by id. */
function placeOf(rank: number, id: number): string {
  const bits = (number: number): string => {
    const view = new DataView(new ArrayBuffer(8))
    view.setFloat64(0, number)
    return (view.getBigUint64(0) | (1n << 63n)).toString(16)
  }
  const turned = Array.from(bits(rank))
    .map((unit) => String.fromCodePoint(0x100 - (unit.codePointAt(0) ?? 0)))
    .join('')
  return `1${turned}1${bits(id)}`
}
