import { readFileSync } from 'node:fs'

export interface OsUser {
  uid: number
  gid: number
}

/**
 * The user a Postgres server may run as: Postgres refuses root, so root lends it `postgres` or `nobody`.
 * Anyone else runs it as themselves (`undefined`).
 */
export function serverUser(): OsUser | undefined {
  if (process.getuid?.() !== 0) return undefined
  const entries = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of ['postgres', 'nobody']) {
    const fields = entries.find((line) => line.startsWith(`${name}:`))?.split(':')
    if (fields !== undefined) return { uid: Number(fields[2]), gid: Number(fields[3]) }
  }
  throw new Error('Postgres does not run as root, and this system has neither a user "postgres" nor "nobody". Run the command as an ordinary user.')
}
