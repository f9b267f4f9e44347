import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Signs people in without passwords: a demo. What is real is that nobody can make a token for somebody else. */
export interface Sessions {
  sign(personId: string): string
  /** Whose token it is, or `undefined`. */
  personOf(token: string | undefined): string | undefined
}

/** The secret is kept in `directory`, so that open pages stay signed in across a restart. */
export function createSessions(directory: string): Sessions {
  const secret = keptSecret(directory)
  const sign = (personId: string): string => `${personId}.${createHmac('sha256', secret).update(personId).digest('base64url')}`
  return {
    sign,
    personOf(token) {
      const personId = token?.split('.', 1)[0]
      if (token === undefined || personId === undefined) return undefined
      return isEqual(token, sign(personId)) ? personId : undefined
    },
  }
}

function keptSecret(directory: string): Buffer {
  const file = join(directory, 'session-secret')
  mkdirSync(directory, { recursive: true })
  try {
    writeFileSync(file, randomBytes(32).toString('base64url'), { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return Buffer.from(readFileSync(file, 'utf8'))
}

function isEqual(left: string, right: string): boolean {
  const [one, other] = [Buffer.from(left), Buffer.from(right)]
  return one.length === other.length && timingSafeEqual(one, other)
}
