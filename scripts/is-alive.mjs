// Plain JavaScript, for the same reason as install.mjs.

/**
 * Whether a process of this machine runs, be it another user's.
 *
 * @param {number} pid
 */
export function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
