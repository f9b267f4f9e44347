import type { ChangeLog } from '@zenstack-live/change-log'
import { parseLsn } from '@zenstack-live/protocol'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { EdgeDatabase } from '../src/database/edge-database.ts'
import { CaptureWatch } from '../src/log/capture-watch.ts'
import { checkHealth } from '../src/operations/health.ts'

afterEach(() => void vi.useRealTimers())

describe('the health of an edge', () => {
  it('warns when what was committed has not come into the log for ten seconds, and is ready nonetheless', async () => {
    const { ask, wait, reach } = createHealth()
    expect(await ask()).toEqual({ isReady: true, reasons: [], warnings: [] })
    await wait(9_000)
    expect((await ask()).warnings).toEqual([])
    await wait(2_000)
    expect(await ask()).toEqual({
      isReady: true,
      reasons: [],
      warnings: ['What is committed has not come into the change log for ten seconds. Is a capture running?'],
    })
    reach()
    expect((await ask()).warnings).toEqual([])
  })

  it('forgets what it waited for in a log that begins anew', async () => {
    const { ask, wait, beginAnew } = createHealth()
    await ask()
    await wait(60_000)
    beginAnew()
    expect((await ask()).warnings).toEqual([])
    await wait(60_000)
    expect((await ask()).warnings).toHaveLength(1)
  })

  it('says nothing of the capture while the database does not answer', async () => {
    const { ask, wait, lose } = createHealth()
    lose()
    expect(await ask()).toEqual({ isReady: false, reasons: ['The database does not answer.'], warnings: [] })
    await wait(60_000)
    expect((await ask()).warnings).toEqual([])
  })
})

/** Of an edge whose capture stands still until it reaches all marks. */
function createHealth() {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  let waiting: (() => void)[] = []
  let era = 0
  let isLost = false
  const answer = <Answer>(value: Answer): Promise<Answer> => (isLost ? Promise.reject(new Error('lost')) : Promise.resolve(value))
  const database: Pick<EdgeDatabase, 'query' | 'markNow'> = { query: () => answer([]), markNow: () => answer(parseLsn('0/10')) }
  const hub = {
    get era() {
      return era
    },
    whenPassed: (_: unknown, then: () => void) => (waiting.push(then), () => {}),
  }
  const parts = {
    log: { state: async () => ({}) } as unknown as ChangeLog,
    database: database as EdgeDatabase,
    capture: new CaptureWatch({ database, hub }),
    isDraining: false,
  }
  return {
    async ask() {
      const health = checkHealth(parts)
      // A capture that stands still is waited for, for a moment.
      await vi.advanceTimersByTimeAsync(500)
      return health
    },
    wait: (ms: number) => vi.advanceTimersByTimeAsync(ms - 500),
    reach() {
      for (const then of waiting) then()
      waiting = []
    },
    beginAnew: () => void era++,
    lose: () => (isLost = true),
  }
}
