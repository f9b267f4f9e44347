import { createInterface } from 'node:readline'
import { collectGarbage } from '../../collect-garbage.ts'

/** Follows the commands that the benchmark gives its servers on their input. The program ends with it. */
export function serveCommands(commands: {
  send?(events: number): void
  collect?(): void
  queries?(): void
  readers?(): void
  memory?(): void
  direct?(): void
  stop?(): Promise<void> | void
}): void {
  const lines = createInterface({ input: process.stdin })
  lines.on('line', (line) => {
    const [word, count] = line.split(' ')
    if (word === 'send') commands.send?.(Number(count))
    if (word === 'queries' || word === 'readers' || word === 'memory' || word === 'direct') commands[word]?.()
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
