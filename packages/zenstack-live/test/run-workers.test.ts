import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'

const CHILD = join(import.meta.dirname, 'support/workers-child.ts')

it('goes on when workers are to be replaced that have not come to listen yet', async () => {
  const child = spawn(process.execPath, ['--conditions=@zenstack-live/source', CHILD], { stdio: ['ignore', 'pipe', 'inherit'] })
  const hasEnded = once(child, 'exit')
  for await (const line of createInterface(child.stdout)) {
    if (line === 'begun') child.kill('SIGHUP')
    if (line === 'listening') child.kill('SIGTERM')
  }
  expect(await hasEnded).toEqual([0, null])
}, 60_000)
