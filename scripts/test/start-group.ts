import { spawn, type SpawnOptions } from 'node:child_process'

/**
 * Starts a program under a shell that kills it, with all that it started, when the shell's input ends: when the returned function is called, or when
 * this process is gone, however that came.
 *
 * @returns ends it, and resolves when it is gone
 */
export function startGroup(command: string, args: readonly string[], options: Pick<SpawnOptions, 'cwd' | 'env'>): () => Promise<void> {
  const script = '"$@" & cat; kill -KILL 0'
  const shell = spawn('sh', ['-c', script, 'sh', command, ...args], { ...options, detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  const ended = new Promise<void>((resolve) => {
    shell.once('exit', () => resolve())
    shell.once('error', () => resolve())
  })
  return async () => {
    shell.stdin?.end()
    await ended
  }
}
