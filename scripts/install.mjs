// Plain JavaScript that any Node from 18 on can run: it brings everything else.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inTurn } from './in-turn.mjs'

const PNPM = 'pnpm@12'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
const stamp = join(root, 'node_modules', '.installed-lockfile')

/** Installs the workspace's packages, unless lockfile and settings are those they were installed from. Two at once take turns. */
export async function install() {
  const hash = createHash('sha256')
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml']) hash.update(readFileSync(join(root, file)))
  const wanted = hash.digest('hex')
  const isInstalled = () => existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted
  if (isInstalled()) return
  await inTurn(join(root, '.cache', 'install.lock'), () => {
    if (isInstalled()) return
    console.log('Installing packages (the first time takes a minute) …')
    const result = spawnSync('npx', ['-y', PNPM, 'install', '--frozen-lockfile'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
      encoding: 'utf8',
      shell: process.platform === 'win32',
    })
    if (result.status !== 0) {
      process.stderr.write(result.stdout ?? '')
      throw new Error(
        `Installing packages failed (${result.error?.message ?? `code ${result.status}`}). Is the npm registry reachable? Try: npx ${PNPM} install`,
      )
    }
    writeFileSync(stamp, wanted)
  })
}

/** Node 24 from the npm package `node`: the one that runs everything from here on. */
export function projectNode() {
  return join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
}
