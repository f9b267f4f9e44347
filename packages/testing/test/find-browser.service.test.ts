import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { findBrowser } from '@zenstack-live/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

describe('the browser that is found', () => {
  let directory: string

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'zenstack-live-browser-'))
    vi.stubEnv('CHROMIUM_PATH', '')
    vi.stubEnv('PATH', join(directory, 'bin'))
    vi.stubEnv('PLAYWRIGHT_BROWSERS_PATH', join(directory, 'downloads'))
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    rmSync(directory, { recursive: true, force: true })
  })

  it('is one on PATH before one that Playwright downloaded', () => {
    make(downloadPath())
    const path = make(join(directory, 'bin', 'chromium'))
    expect(find()).toEqual({ path, origin: 'PATH' })
  })

  // There, one that is installed for everybody is found first.
  it.skipIf(process.platform === 'darwin')("is Playwright's download where there is no other", () => {
    const path = make(downloadPath())
    expect(find()).toEqual({ path, origin: "Playwright's download" })
  })

  it('is the one that CHROMIUM_PATH names, or none', () => {
    const path = make(join(directory, 'mine'))
    make(join(directory, 'bin', 'chromium'))
    vi.stubEnv('CHROMIUM_PATH', path)
    expect(find()).toEqual({ path, origin: 'CHROMIUM_PATH' })
    vi.stubEnv('CHROMIUM_PATH', join(directory, 'gone'))
    expect(find()).toMatchObject({ path: undefined, cure: expect.stringContaining('does not exist') as unknown })
  })
})

function find(): ReturnType<typeof findBrowser> {
  return findBrowser(() => {})
}

function make(path: string): string {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, '')
  return path
}

/** Where Playwright's own command says that it would put the browser. */
function downloadPath(): string {
  const script = "process.stdout.write(require('playwright-core').chromium.executablePath())"
  const program = join(import.meta.dirname, '../../../node_modules/@playwright/test/package.json')
  return spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', cwd: dirname(program) }).stdout
}
