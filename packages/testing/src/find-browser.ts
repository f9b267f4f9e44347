import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

export type Browser = { path: string; origin: string } | { path: undefined; cure: string }

/**
 * A Chromium for the browser tests: `$CHROMIUM_PATH`, one on PATH, Playwright's download, and last, as root on Debian or
 * Ubuntu, the distribution's package.
 */
export function findBrowser(say: (line: string) => void): Browser {
  const given = process.env['CHROMIUM_PATH']
  if (given !== undefined && given !== '') {
    return existsSync(given)
      ? { path: given, origin: 'CHROMIUM_PATH' }
      : { path: undefined, cure: `CHROMIUM_PATH is "${given}", which does not exist.` }
  }
  const onPath = which()
  if (onPath !== undefined) return { path: onPath, origin: 'PATH' }
  const downloaded = playwrightChromium(say)
  if (downloaded !== undefined) return { path: downloaded, origin: "Playwright's download" }
  if (process.getuid?.() === 0 && isDebian()) {
    say('Browser: none found; as root on Debian/Ubuntu, installing the package chromium (apt-get install chromium) …')
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    // Another test run may be at it: whoever comes second waits, and finds it installed.
    const waiting = ['-o', 'DPkg::Lock::Timeout=600']
    spawnSync('apt-get', [...waiting, 'update', '-qq'], { stdio: 'ignore', env })
    spawnSync('apt-get', [...waiting, 'install', '-y', '-qq', '--no-install-recommends', 'chromium'], { stdio: 'ignore', env })
    const installed = which()
    if (installed !== undefined) return { path: installed, origin: 'apt-get install chromium' }
  }
  return { path: undefined, cure: 'Install Chromium or Chrome, or set CHROMIUM_PATH to one.' }
}

function which(): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(':')) {
    const name = NAMES.find((candidate) => existsSync(`${folder}/${candidate}`))
    if (name !== undefined) return `${folder}/${name}`
  }
  const mac = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'
  return existsSync(mac) ? mac : undefined
}

function playwrightChromium(say: (line: string) => void): string | undefined {
  const present = downloadedChromium()
  if (present !== undefined) return present
  say("Browser: none found; trying Playwright's download …")
  // The whole browser: its path is the only one that Playwright tells.
  spawnSync('playwright', ['install', 'chromium', '--no-shell'], { stdio: 'ignore', timeout: 180_000 })
  return downloadedChromium()
}

function downloadedChromium(): string | undefined {
  const script = "process.stdout.write(require('@playwright/test').chromium.executablePath())"
  // The repository's root depends on it, this package does not.
  const result = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', cwd: new URL('../../..', import.meta.url) })
  return result.status === 0 && existsSync(result.stdout) ? result.stdout : undefined
}

function isDebian(): boolean {
  return existsSync('/etc/debian_version') && /debian|ubuntu/i.test(readFileSync('/etc/os-release', 'utf8'))
}
