import { createInterface } from 'node:readline'

/** Follows the commands that the benchmark gives its servers on their input. The program ends with it. */
export function serveCommands(commands: {
  send?(events: number): void
  collect?(): void
  tell?(): void
  readers?(): void
  memory?(): void
  stop?(): Promise<void> | void
}): void {
  const lines = createInterface({ input: process.stdin })
  lines.on('line', (line) => {
    const [word, count] = line.split(' ')
    if (word === 'send') commands.send?.(Number(count))
    if (word === 'tell') commands.tell?.()
    if (word === 'readers') commands.readers?.()
    if (word === 'memory') commands.memory?.()
    if (word === 'collect') {
      collectGarbage()
      commands.collect?.()
      say('collected')
    }
  })
  lines.once('close', () => void Promise.resolve(commands.stop?.()).finally(() => process.exit(0)))
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Twice: what the first one finds unreachable may hold the next. */
export function collectGarbage(): void {
  globalThis.gc?.()
  globalThis.gc?.()
}
