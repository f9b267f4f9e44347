import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { runCommandLine } from '../../src/command-line.ts'

const SCHEMA = pathToFileURL(join(fileURLToPath(import.meta.url), '../../../../testing/src/generated/workspace/schema.ts')).href

export interface CommandRun {
  code: number
  lines: string[]
  notes: string[]
}

export interface CommandOptions {
  /** Members of the configuration, as source text. */
  config?: string
  env?: Record<string, string>
  signal?: AbortSignal
  /** Answers questions; without it nobody is there. */
  ask?: (question: string) => Promise<string>
  /** Called with each line as it is printed. */
  onLine?: (line: string) => void
}

/** Runs a command in a folder of its own, with a configuration for the workspace schema. */
export async function runCommand(args: string[], { config = '', env = {}, signal, ask, onLine }: CommandOptions = {}): Promise<CommandRun> {
  const directory = mkdtempSync(join(tmpdir(), 'zenstack-live-command-'))
  writeFileSync(join(directory, 'zenstack-live.config.ts'), `import { schema } from '${SCHEMA}'\nexport default { schema, ${config} }\n`)
  const [lines, notes]: [string[], string[]] = [[], []]
  try {
    const print = (line: string): void => {
      lines.push(line)
      onLine?.(line)
    }
    const code = await runCommandLine({
      args,
      env,
      directory,
      print,
      note: (line) => notes.push(line),
      ask,
      signal: signal ?? new AbortController().signal,
      hasColors: false,
    })
    return { code, lines, notes }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
