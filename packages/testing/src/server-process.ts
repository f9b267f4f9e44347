import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'

/** One server program that can be started, ended and started again. */
export interface ServerProcess {
  /** Starts it and resolves when `isReady` has seen what it waits for. */
  start(args: readonly string[]): Promise<void>
  /** Sends the signal and waits for the end. Does nothing when it does not run. */
  end(signal: NodeJS.Signals): Promise<void>
  /** While it runs. */
  readonly pid: number | undefined
}

const running = new Set<ChildProcess>()

// Whoever ends without ending them first leaves none behind. SIGINT is a fast and orderly end for each of them.
process.once('exit', () => {
  for (const child of running) child.kill('SIGINT')
})

/**
 * @param options.readyLine - text of the log that means "ready"; without it the caller waits by other means
 * @param options.onLog - each line that the program writes to its error output
 */
export function createServerProcess(
  command: string,
  options: { spawn?: SpawnOptions; readyLine?: string; onLog?: (line: string) => void },
): ServerProcess {
  let child: ChildProcess | undefined
  return {
    get pid() {
      return child?.pid
    },
    async start(args) {
      const started = spawn(command, args, { ...options.spawn, stdio: ['ignore', 'ignore', 'pipe'] })
      child = started
      running.add(started)
      started.once('exit', () => running.delete(started))
      let log = ''
      await new Promise<void>((resolve, reject) => {
        started.stderr?.setEncoding('utf8').on('data', (text: string) => {
          if (log.length < 20_000) log += text
          for (const line of text.split('\n')) if (line !== '') options.onLog?.(line)
          if (options.readyLine !== undefined && text.includes(options.readyLine)) resolve()
        })
        started.once('spawn', () => {
          if (options.readyLine === undefined) resolve()
        })
        started.once('error', reject)
        started.once('exit', (code) => reject(new Error(`${command} ended with code ${code} while starting:\n${log}`)))
      })
    },
    async end(signal) {
      const ending = child
      child = undefined
      if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return
      const ended = new Promise<void>((resolve) => ending.once('exit', () => resolve()))
      ending.kill(signal)
      await ended
    },
  }
}
