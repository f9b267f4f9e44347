import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'

/** Compiles `bench/native/<name>.c` into a folder and gives the program's path. */
export function compileNative(name: string, directory: string): string {
  const program = join(directory, name)
  const source = fileURLToPath(new URL(`../../native/${name}.c`, import.meta.url))
  const compiler = process.env['CC'] ?? 'gcc'
  const { status, stderr, error } = spawnSync(compiler, ['-O2', '-o', program, source], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${compiler} could not compile ${name}.c (install a C compiler, or set CC): ${error?.message ?? stderr}`)
  return program
}

/** The command, kept on one processor where the system has a tool for it: servers on the first, the client on the second. */
export function pinned(processor: 0 | 1, command: readonly string[]): string[] {
  return canPin() ? ['taskset', '-c', String(processor), ...command] : [...command]
}

export function canPin(): boolean {
  return availableParallelism() > 1 && spawnSync('taskset', ['--version'], { stdio: 'ignore' }).status === 0
}
