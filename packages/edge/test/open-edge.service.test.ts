import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedLog, type ChangeLog } from '@zenstack-live/change-log'
import { createEdge, type EdgeOptions } from '@zenstack-live/edge'
import { schema } from '@zenstack-live/testing/workspace'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { SECRET, startEdge } from './support/start-edge.ts'
import { createWorkspace, type Workspace } from './support/workspace.ts'

const OF_EDGES = `SELECT pid FROM pg_stat_activity WHERE application_name = 'zenstack-live-edge' AND datname = current_database()`

describe('an edge that cannot be opened', () => {
  const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-edge-'))
  let workspace: Workspace
  let log: ChangeLog

  beforeAll(async () => {
    workspace = await createWorkspace(inject('postgresUrl'))
    log = await openEmbeddedLog({ directory })
  })
  afterAll(async () => {
    await log.close()
    await workspace.close()
    rmSync(directory, { recursive: true })
  })

  afterEach(() => void vi.restoreAllMocks())

  const whosePublicationGoesAway = (): Partial<EdgeOptions> => {
    const asked = vi.spyOn(log, 'state')
    return {
      get publication(): string {
        if (asked.mock.calls.length > 0) throw new Error('away')
        return 'zenstack_live'
      },
    }
  }

  it.each<[string, () => Partial<EdgeOptions>, string]>([
    ['the tables cannot be read again behind the log', whosePublicationGoesAway, 'away'],
    ['a projection is none', () => ({ projections: { cart: {} as never } }), 'tables'],
  ])('leaves nothing open where %s', async (_, more, message) => {
    const tail = vi.spyOn(log, 'tail')
    const options = { schema, log, database: { url: workspace.url }, secret: SECRET }
    const opening = createEdge(Object.defineProperties(options, Object.getOwnPropertyDescriptors(more())))
    await expect(opening).rejects.toThrow(message)
    await expect.poll(() => workspace.sql(OF_EDGES), { timeout: 60_000 }).toEqual([])
    expect(tail.mock.calls.filter(([, { signal }]) => !signal.aborted)).toEqual([])
  })
})

describe('an edge that begins', () => {
  it('reads the log from lookBackMs before on', async () => {
    const workspace = await createWorkspace(inject('postgresUrl'))
    const running = await startEdge(workspace, {})
    const asked = vi.spyOn(running.log, 'positionAt')
    const lookBackMs = 5_000
    const earliestMs = Date.now()
    await running.restart({ limits: { lookBackMs } })
    const latestMs = Date.now()
    const [[timeMs] = [Number.NaN]] = asked.mock.calls
    expect(timeMs).toBeGreaterThanOrEqual(earliestMs - lookBackMs)
    expect(timeMs).toBeLessThanOrEqual(latestMs - lookBackMs)
    await running.close()
    await workspace.close()
  })
})
