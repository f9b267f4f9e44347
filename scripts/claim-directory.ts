import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isAlive } from './is-alive.mjs'

export interface DirectoryClaim {
  directory: string
  release(): void
}

/**
 * The first of `<base>/1`, `<base>/2`, … that no running process holds: one start keeps its data, two at once do not
 * share it. A claim of a process that is gone counts for nothing.
 */
export function claimDirectory(base: string): DirectoryClaim {
  for (let number = 1; ; number++) {
    const directory = join(base, String(number))
    mkdirSync(directory, { recursive: true })
    const file = join(directory, 'owner.pid')
    if (take(file)) return { directory, release: () => rmSync(file, { force: true }) }
  }
}

function take(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' })
    return true
  } catch {
    if (isAlive(Number(readFileSync(file, 'utf8')))) return false
    rmSync(file, { force: true })
    return take(file)
  }
}
