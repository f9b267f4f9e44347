import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { inTurn } from '../in-turn.mjs'

const MODULE = new URL('../in-turn.mjs', import.meta.url).href

describe('what is done in turn', () => {
  let directory: string
  let lock: string

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'zenstack-live-turn-'))
    lock = join(directory, 'lock')
  })
  afterEach(() => {
    vi.useRealTimers()
    vi.restoreAllMocks()
    rmSync(directory, { recursive: true, force: true })
  })

  /** A process that does this under the lock. */
  const inProcess = (work: string): ChildProcess => {
    const code = `import { inTurn } from ${JSON.stringify(MODULE)}
      import { appendFileSync } from 'node:fs'
      const say = (word) => appendFileSync(${JSON.stringify(join(directory, 'said'))}, word + '\\n')
      const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
      await inTurn(${JSON.stringify(lock)}, async () => { ${work} })`
    return spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  }

  it('goes on at once after whoever did it was killed', async () => {
    const child = inProcess(`process.stdout.write('in'); await pause(60_000)`)
    if (child.stdout !== null) await once(child.stdout, 'data')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await inTurn(lock, () => 'done')).toBe('done')
  })

  it('is done by one at a time, also when several find a lock that was left behind', async () => {
    const gone = spawn(process.execPath, ['-e', ''])
    await once(gone, 'exit')
    mkdirSync(lock)
    writeFileSync(join(lock, 'owner'), `${gone.pid} ${hostname()}`)
    const children = Array.from({ length: 5 }, () => inProcess(`say('in'); await pause(50); say('out')`))
    await Promise.all(children.map((child) => once(child, 'exit')))
    expect(readFileSync(join(directory, 'said'), 'utf8')).toBe('in\nout\n'.repeat(5))
  })

  it('is waited for while whoever does it may be on another machine', async () => {
    mkdirSync(lock)
    writeFileSync(join(lock, 'owner'), `1 not-${hostname()}`)
    vi.useFakeTimers()
    const said = vi.spyOn(console, 'log').mockReturnValue()
    let isDone = false
    const turn = inTurn(lock, () => (isDone = true))
    await vi.advanceTimersByTimeAsync(60_000)
    expect(isDone).toBe(false)
    expect(said.mock.calls).toEqual([[expect.stringContaining('Waiting for another process')]])
    rmSync(lock, { recursive: true })
    await vi.advanceTimersByTimeAsync(1_000)
    await turn
  })
})
