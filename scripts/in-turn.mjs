// Plain JavaScript, for the same reason as install.mjs.
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { isAlive } from './is-alive.mjs'

/** Longer than anything that is done in turn takes: a lock as old as this was left behind, whoever held it. */
const STALE_MS = 10 * 60_000

/**
 * Runs `use` while no other process on this machine runs its own under the same lock. The lock of a process that was killed
 * counts for nothing.
 *
 * @template Result
 * @param {string} lock - a folder that is there while one of them runs
 * @param {() => Result | Promise<Result>} use
 * @returns {Promise<Result>}
 */
export async function inTurn(lock, use) {
  mkdirSync(dirname(lock), { recursive: true })
  for (let tries = 0; !take(lock); tries++) {
    if (tries === 5) console.log(`Waiting for another process that holds ${lock} …`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  try {
    return await use()
  } finally {
    rmSync(lock, { recursive: true, force: true })
  }
}

function take(lock) {
  try {
    mkdirSync(lock)
    writeOwner(lock)
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    if (ageMs(lock) > STALE_MS) rmSync(lock, { recursive: true, force: true })
    return isOwnerGone(lock) && inherit(lock)
  }
}

/** Of several that find the lock left behind one takes it over: who holds `heir` looks again, for another may have been before. */
function inherit(lock) {
  const heir = join(lock, 'heir')
  try {
    mkdirSync(heir)
  } catch {
    return false
  }
  const isMine = isOwnerGone(lock)
  if (isMine) writeOwner(lock)
  // Who held the lock may have taken it away meanwhile, with all that is in it.
  rmSync(heir, { recursive: true, force: true })
  return isMine
}

function writeOwner(lock) {
  writeFileSync(ownerFile(lock), `${process.pid} ${hostname()}`)
}

/** Only where it is certain: the owner may not have written its name yet, or be on another machine that shares this folder. */
function isOwnerGone(lock) {
  try {
    const [pid, host] = readFileSync(ownerFile(lock), 'utf8').split(' ')
    return host === hostname() && !isAlive(Number(pid))
  } catch {
    return false
  }
}

function ownerFile(lock) {
  return join(lock, 'owner')
}

function ageMs(lock) {
  return Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
}
