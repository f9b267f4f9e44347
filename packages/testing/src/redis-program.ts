import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** A Redis-compatible server program and what it needs in its environment. */
export interface RedisProgram {
  command: string
  env: Record<string, string>
  /** Where it comes from, for people. */
  origin: string
}

/** `redis-server` or `valkey-server` on PATH. */
export function redisOnPath(): RedisProgram | undefined {
  const name = ['redis-server', 'valkey-server'].find((candidate) => runs(candidate, {}))
  return name === undefined ? undefined : { command: name, env: {}, origin: `${name} on PATH` }
}

/**
 * The distribution's own package, downloaded and unpacked into `cacheDirectory` without installing anything: needs apt,
 * not root. `undefined` where that is not to be had.
 */
export function redisFromDistribution(cacheDirectory: string): RedisProgram | undefined {
  const folder = join(cacheDirectory, 'redis')
  const unpacked = programIn(folder)
  if (unpacked !== undefined) return unpacked
  if (!['apt-get', 'apt-cache', 'dpkg'].every((tool) => spawnSync(tool, ['--version'], { stdio: 'ignore' }).status === 0)) return undefined
  // Built aside and renamed: another process may be doing the same.
  const aside = `${folder}-${process.pid}`
  try {
    unpackPackages(aside)
    if (programIn(aside) === undefined) return undefined
    if (!existsSync(folder)) renameSync(aside, folder)
    return programIn(folder)
  } catch {
    return undefined
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
}

function unpackPackages(folder: string): void {
  for (const name of ['lists/partial', 'archives/partial', 'root']) mkdirSync(join(folder, name), { recursive: true })
  const own = ['-o', `Dir::State::Lists=${folder}/lists`, '-o', `Dir::Cache=${folder}`, '-o', 'APT::Sandbox::User=', '-o', 'Debug::NoLocking=1']
  must('apt-get', [...own, 'update', '-qq'], folder)
  const depends = must(
    'apt-cache',
    [
      ...own,
      'depends',
      '--recurse',
      '--no-recommends',
      '--no-suggests',
      '--no-conflicts',
      '--no-breaks',
      '--no-replaces',
      '--no-enhances',
      'redis-server',
    ],
    folder,
  )
  // Only what the server links against; the C library and the init scripts are the system's.
  const wanted = [
    ...new Set(
      depends
        .split('\n')
        .filter((line) => /^(redis-|valkey-|lua-|lib(jemalloc|lzf|lua|atomic|hiredis|systemd|ssl|cap2|gcrypt|gpg-error|lz4|lzma|zstd))/.test(line)),
    ),
  ]
  for (const name of wanted) spawnSync('apt-get', [...own, 'download', '-qq', name], { cwd: folder, stdio: 'ignore' })
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.deb'))) must('dpkg', ['-x', file, 'root'], folder)
}

function programIn(folder: string): RedisProgram | undefined {
  const root = join(folder, 'root')
  const command = ['redis-server', 'redis-check-rdb'].map((name) => join(root, 'usr/bin', name)).find((file) => isExecutable(file))
  if (command === undefined) return undefined
  const env = { LD_LIBRARY_PATH: ['usr/lib', 'lib'].flatMap((name) => libraryFolders(join(root, name))).join(':') }
  return runs(command, env) ? { command, env, origin: "the distribution's package, unpacked into .cache" } : undefined
}

/** Such as `usr/lib/x86_64-linux-gnu`, whatever the machine is. */
function libraryFolders(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => name.includes('-linux-'))
    .map((name) => join(folder, name))
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function runs(command: string, env: Record<string, string>): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore', env: { ...process.env, ...env } }).status === 0
}

function must(command: string, args: string[], cwd: string): string {
  const result = spawnSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  if (result.status !== 0) throw new Error(`${command} ${args.at(-1)} ended with code ${result.status}: ${result.stderr}`)
  return result.stdout
}
