import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export interface Program {
  /** Everything it has said. */
  readonly lines: readonly string[]
  /** The first line that fits, said already or to come; rejects when the program ends without. */
  line(pattern: RegExp): Promise<string>
  /** Resolves with its exit code when it ends by itself. */
  readonly ended: Promise<number | null>
  /** Ends it in an orderly way. @returns its exit code */
  end(): Promise<number | null>
}

/** A TypeScript program in a process of its own, with nobody at the terminal. */
export function runProgram(file: string, args: string[], { cwd, env }: { cwd: string; env: Record<string, string> }): Program {
  const child = spawn(process.execPath, ['--conditions=@zenstack-live/source', file, ...args], {
    cwd,
    env: { ...process.env, NODE_NO_WARNINGS: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  const wakers = new Set<() => void>()
  const wake = (): void => wakers.forEach((waker) => waker())
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on('line', (line) => {
      lines.push(line)
      wake()
    })
  }
  let hasEnded = false
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      hasEnded = true
      wake()
      resolve(code)
    })
  })
  return {
    lines,
    ended,
    async line(pattern) {
      for (;;) {
        const found = lines.find((line) => pattern.test(line))
        if (found !== undefined) return found
        if (hasEnded) throw new Error(`The program ended without saying ${pattern}:\n${lines.join('\n')}`)
        await new Promise<void>((resolve) => wakers.add(resolve))
      }
    },
    async end() {
      child.kill('SIGTERM')
      return ended
    },
  }
}
