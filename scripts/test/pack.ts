import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { inTurn } from '../in-turn.mjs'

const execute = promisify(execFile)

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** Runs a program to its end; what it printed is in the error when it fails. */
export async function run(command: string, args: readonly string[], cwd: string, env: Record<string, string> = {}): Promise<string> {
  try {
    const { stdout } = await execute(command, args, {
      cwd,
      env: { ...process.env, NODE_OPTIONS: '', npm_config_fetch_retries: '5', ...env },
      maxBuffer: 64 * 1024 * 1024,
    })
    return stdout
  } catch (cause) {
    const printed = typeof cause === 'object' && cause !== null && 'stdout' in cause ? String(cause.stdout) : ''
    // The error's own message holds what went to the error output.
    throw new Error(`${command} ${args.join(' ')} failed in ${cwd}:\n${printed}`, { cause })
  }
}

/** Builds and packs every package that users can install; gives each one's tarball by name. */
export async function packAll(into: string): Promise<Record<string, string>> {
  // Two test runs at once would pack what the other is writing.
  await inTurn(join(root, '.cache', 'build.lock'), () => run('tsc', ['-b', 'tsconfig.build.json'], root))
  await run('npx', ['-y', 'pnpm@12', '--recursive', '--filter', './packages/*', 'pack', '--pack-destination', into], root)
  const tarballs: Record<string, string> = {}
  for (const name of readdirSync(join(root, 'packages'))) {
    const manifest = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as {
      name: string
      version: string
      private?: boolean
    }
    if (manifest.private === true) continue
    tarballs[manifest.name] = join(into, `${manifest.name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`)
  }
  return tarballs
}

/** The versions this repository itself is tested with. */
export function catalogVersions(): Record<string, string> {
  const text = readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8')
  return Object.fromEntries([...text.matchAll(/^ {2}'?([@\w/.-]+)'?: ([\^~]?\d\S*)$/gm)].map(([, name = '', version = '']) => [name, version]))
}
