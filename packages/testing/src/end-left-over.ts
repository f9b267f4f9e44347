import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

const LONGEST_END_MS = 20_000

/**
 * Ends the server that an earlier run started on this folder and could not end, because it was killed itself.
 *
 * @param pidFile - its first line is a process id
 * @param mark - stands in the command line of that process and of no other
 */
export async function endLeftOver(pidFile: string, mark: string, signal: NodeJS.Signals): Promise<void> {
  const pid = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8').split('\n')[0]) : Number.NaN
  if (!Number.isInteger(pid) || pid <= 1 || !commandLine(pid).includes(mark)) return
  process.kill(pid, signal)
  const deadline = Date.now() + LONGEST_END_MS
  while (commandLine(pid).includes(mark)) {
    if (Date.now() > deadline) throw new Error(`Process ${pid}, left over from an earlier start, does not end. Try: kill -9 ${pid}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Empty when there is no such process, or no way to know. */
function commandLine(pid: number): string {
  try {
    // Where there is `/proc`, there may be no `ps`.
    if (existsSync('/proc/self/cmdline')) return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    return execFileSync('ps', ['-ww', '-o', 'args=', '-p', String(pid)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return ''
  }
}
