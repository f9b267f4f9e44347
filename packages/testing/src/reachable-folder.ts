import { createHash } from 'node:crypto'
import { constants, existsSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { serverUser } from './os-user.ts'

/** Whether users other than the owner may walk down to this path, as far as it exists. */
export function isReachable(path: string): boolean {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (existsSync(folder) && (statSync(folder).mode & constants.S_IXOTH) === 0) return false
    if (folder === dirname(folder)) return true
  }
}

/** A folder for temporary files that the user who runs Postgres can reach, also where `TMPDIR` is private. */
export function sharedTemporaryFolder(): string {
  const folder = tmpdir()
  return serverUser() === undefined || isReachable(join(folder, 'x')) ? folder : '/tmp'
}

/**
 * The folder itself, or, where root lends Postgres to a user who cannot reach it (a clone in root's home), one outside that always
 * stands for it.
 */
export function reachableFolder(folder: string): string {
  if (serverUser() === undefined || isReachable(folder)) return folder
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 12)
  return join('/var/tmp', `zenstack-live-${name}`)
}
