import { readdirSync, readFileSync } from 'node:fs'

/**
 * Time that these processes spent on a processor, in microseconds: all threads, user and kernel. Read from outside, so that it is
 * the same measure for every program.
 *
 * @see https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat
 */
export function cpuMicroseconds(pids: readonly number[]): number {
  let nanoseconds = 0
  for (const pid of pids) {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      const [onProcessor = '0'] = readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ', 1)
      nanoseconds += Number(onProcessor)
    }
  }
  return nanoseconds / 1000
}

/** Resident memory of these processes, in KiB. */
export function residentKiB(pids: readonly number[]): number {
  let kiB = 0
  for (const pid of pids) {
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
    kiB += Number(match?.[1] ?? 0)
  }
  return kiB
}

/** Processes that this one started. */
export function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim()
  return text === '' ? [] : text.split(' ').map(Number)
}
