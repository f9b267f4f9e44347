/** What a command may use of the world around it. */
export interface CommandContext {
  /** Arguments behind the command's name. */
  args: string[]
  env: Readonly<Record<string, string | undefined>>
  directory: string
  /** One line of the answer. */
  print: (line: string) => void
  /** One line about the work, not part of the answer. */
  note: (line: string) => void
  /** Asks the person at the terminal; `undefined` where nobody is. */
  ask?: ((question: string) => Promise<string>) | undefined
  /** Aborted when the user ends the command. */
  signal: AbortSignal
  /** Whether lines may carry colors. */
  hasColors: boolean
}

/** One command: parses, calls the library, prints. */
export interface Command {
  /** One line for the list of commands. */
  summary: string
  /** Everything `--help` says. */
  usage: string
  /** @returns the exit code */
  run: (context: CommandContext) => Promise<number>
}

export const EXIT_CODES = {
  ok: 0,
  /** The command ran, and found or met something wrong. */
  problem: 1,
  /** The command line itself is wrong. */
  usage: 2,
} as const
