import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'

const start = (file: string) =>
  spawn(process.execPath, ['--conditions=@zenstack-live/source', join(import.meta.dirname, 'support', file)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })

it('goes on when workers are to be replaced that have not come to listen yet', async () => {
  const child = start('workers-child.ts')
  const hasEnded = once(child, 'exit')
  for await (const line of createInterface(child.stdout)) {
    if (line === 'begun') child.kill('SIGHUP')
    if (line === 'listening') child.kill('SIGTERM')
  }
  expect(await hasEnded).toEqual([0, null])
}, 60_000)

it('tries again where the system has no room for another process', async () => {
  const child = start('workers-without-room-child.ts')
  const hasEnded = once(child, 'exit')
  const notes: string[] = []
  for await (const line of createInterface(child.stdout)) {
    notes.push(line)
    if (notes.length === 3) child.kill('SIGTERM')
  }
  expect(await hasEnded).toEqual([0, null])
  expect(notes.slice(0, 3)).toEqual([
    expect.stringMatching('Worker 0 ended with SIGKILL. Another follows'),
    expect.stringMatching('Worker 0 ended with .*ENOENT'),
    expect.stringMatching('Worker 0 ended with .*ENOENT'),
  ])
}, 60_000)
