// Plain JavaScript, for the same reason as install.mjs.
import { mkdirSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/** Longer than anything that is done in turn takes: a lock as old as this was left behind. */
const STALE_MS = 10 * 60_000

/**
 * Runs `use` while no other process on this machine runs its own under the same lock.
 *
 * @template Result
 * @param {string} lock - a folder that is there while one of them runs
 * @param {() => Result | Promise<Result>} use
 * @returns {Promise<Result>}
 */
export async function inTurn(lock, use) {
  mkdirSync(dirname(lock), { recursive: true })
  await take(lock)
  try {
    return await use()
  } finally {
    rmSync(lock, { recursive: true, force: true })
  }
}

async function take(lock) {
  for (;;) {
    try {
      mkdirSync(lock)
      return
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
      const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
      if (age > STALE_MS) rmSync(lock, { recursive: true, force: true })
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }
}
