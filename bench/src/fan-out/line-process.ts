import { spawn, type ChildProcess } from 'node:child_process'

/** A program that takes commands and answers, one a line. It ends when its input does. */
export interface LineProcess {
  readonly pid: number
  say(line: string): void
  /** The rest of the next line that begins with this word. @throws {Error} when it does not come within the patience given here or at the start */
  hear(word: string, patienceMs?: number): Promise<string>
  stop(): Promise<void>
}

export interface LineProcessOptions {
  env?: Record<string, string>
  /** @defaultValue 10 minutes: longer than anything takes that goes well, also on a busy machine */
  patienceMs?: number
}

export function startLineProcess(command: readonly string[], options: LineProcessOptions = {}): LineProcess {
  const [program = '', ...args] = command
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...options.env } })
  const { stdin, stdout, pid } = child
  const unheard: string[] = []
  const waiting: { word: string; resolve(rest: string): void; reject(error: Error): void }[] = []
  let ended: Error | undefined
  let rest = ''

  const take = (line: string): void => {
    const [word = ''] = line.split(' ', 1)
    if (word === 'lost') return giveUp(new Error(`${program} ${args[0] ?? ''} lost a connection: ${line}`))
    const index = waiting.findIndex((one) => one.word === word)
    if (index < 0) return void unheard.push(line)
    for (const one of waiting.splice(index, 1)) one.resolve(line.slice(word.length + 1))
  }
  const giveUp = (error: Error): void => {
    ended ??= error
    for (const one of waiting.splice(0)) one.reject(error)
  }
  stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) take(line)
  })
  // A program that ended no longer reads; `exit` says so.
  stdin.on('error', () => {})
  child.once('error', giveUp)
  child.once('exit', (code, signal) => giveUp(new Error(`${command.join(' ').slice(0, 200)} ended with ${code ?? signal}.`)))

  return {
    pid: pid ?? 0,
    say: (line) => void stdin.write(`${line}\n`),
    hear(word, patienceMs = options.patienceMs ?? 600_000) {
      const index = unheard.findIndex((line) => line === word || line.startsWith(`${word} `))
      if (index >= 0) return Promise.resolve(unheard.splice(index, 1)[0]?.slice(word.length + 1) ?? '')
      if (ended !== undefined) return Promise.reject(ended)
      return hearLater(word, patienceMs)
    },
    stop: () => stop(child),
  }

  function hearLater(word: string, patienceMs: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${command.join(' ').slice(0, 200)} did not say "${word}" within ${patienceMs} ms.`)),
        patienceMs,
      )
      const settle = (): void => clearTimeout(timer)
      waiting.push({
        word,
        resolve(text) {
          settle()
          resolve(text)
        },
        reject(error) {
          settle()
          reject(error)
        },
      })
    })
  }
}

const STOP_PATIENCE_MS = 10_000

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const hasEnded = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.stdin?.end()
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_PATIENCE_MS)
  await hasEnded
  clearTimeout(timer)
}
