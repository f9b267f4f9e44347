import { LIMITS } from '@zenstack-live/protocol'
import { expect, it } from 'vitest'
import { createEdge, type EdgeOptions } from '@zenstack-live/edge'
import { readLimits } from '../src/read-limits.ts'

it('takes what is given in place of the defaults', () => {
  expect(readLimits()).toEqual(LIMITS)
  expect(readLimits({ maxConnections: 7, lookBackMs: 0 })).toEqual({ ...LIMITS, maxConnections: 7, lookBackMs: 0 })
})

it('refuses to start with limits that are none, and names each', async () => {
  const limits: Record<string, unknown> = {
    maxConections: 3,
    maxConnections: -5,
    maxStallMs: 'abc',
    ringBytes: Number.NaN,
    heartbeatIntervalMs: undefined,
  }
  const starting = createEdge({ limits } as unknown as EdgeOptions)
  await expect(starting).rejects.toThrow(TypeError)
  for (const name of Object.keys(limits)) await expect(starting).rejects.toThrow(`"${name}"`)
  await expect(starting).rejects.not.toThrow('maxReplayEntries')
})
