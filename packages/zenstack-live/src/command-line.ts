import { readFileSync } from 'node:fs'
import { EXIT_CODES, type Command, type CommandContext } from './commands/command.ts'
import { UsageError } from './commands/parse-options.ts'

// One file each, read when it is asked for: `doctor` does not wait for what `dev` needs.
const COMMANDS: Readonly<Record<string, () => Promise<{ command: Command }>>> = {
  dev: () => import('./commands/dev.ts'),
  doctor: () => import('./commands/doctor.ts'),
  setup: () => import('./commands/setup.ts'),
  cdc: () => import('./commands/cdc.ts'),
  tail: () => import('./commands/tail.ts'),
  slot: () => import('./commands/slot.ts'),
  edge: () => import('./commands/edge.ts'),
  streams: () => import('./commands/streams.ts'),
}

/**
 * Runs `zenstack-live <command> …`.
 *
 * @param context.args - everything behind `zenstack-live`
 * @returns the exit code: 0 well, 1 something is wrong, 2 the command line cannot be understood
 */
export async function runCommandLine(context: CommandContext): Promise<number> {
  const [name, ...args] = context.args
  const load = name === undefined ? undefined : COMMANDS[name]
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    await printHelp(context)
    return name === undefined ? EXIT_CODES.usage : EXIT_CODES.ok
  }
  if (name === '--version' || name === '-v') {
    context.print(ownVersion())
    return EXIT_CODES.ok
  }
  if (load === undefined) {
    context.note(`"${name}" is not a command. Run \`zenstack-live help\`.`)
    return EXIT_CODES.usage
  }
  const { command } = await load()
  if (args.includes('--help') || args.includes('-h')) {
    context.print(command.usage)
    return EXIT_CODES.ok
  }
  try {
    return await command.run({ ...context, args })
  } catch (error) {
    if (context.signal.aborted) return EXIT_CODES.ok
    if (error instanceof UsageError) {
      context.note(`${error.message}\n\n${command.usage}`)
      return EXIT_CODES.usage
    }
    context.note(error instanceof Error ? error.message : String(error))
    return EXIT_CODES.problem
  }
}

function ownVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  return String(typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : 'unknown')
}

async function printHelp({ print }: CommandContext): Promise<void> {
  print('Usage: zenstack-live <command> [options]\n')
  for (const [name, load] of Object.entries(COMMANDS)) print(`  ${name.padEnd(8)} ${(await load()).command.summary}`)
  print(`
Begin with \`zenstack-live dev\` in the folder of a ZenStack project. It is found by its
zenstack-live.config.ts, or without one by the schema that \`zen generate\` wrote;
DATABASE_URL and REDIS_URL are read from the environment and from .env.

Every command takes --help, --config <file> and --json.`)
}
