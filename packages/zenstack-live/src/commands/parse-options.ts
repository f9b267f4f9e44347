import { parseArgs, type ParseArgsConfig } from 'node:util'
import { loadConfig, type LoadedConfig } from '../load-config.ts'
import type { CommandContext } from './command.ts'

/** The command line cannot be understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

const COMMON = { config: { type: 'string', short: 'c' }, json: { type: 'boolean', default: false } } as const

type Options = NonNullable<ParseArgsConfig['options']>
type Parsed<O extends Options> = ReturnType<typeof parseArgs<{ args: string[]; options: typeof COMMON & O; allowPositionals: true }>>

/**
 * Reads the arguments of a command: its own options, and `--config` and `--json`, which all of them take.
 *
 * @param maxWords - how many arguments may be no option
 * @throws {UsageError}
 */
export function parseOptions<const O extends Options>(context: CommandContext, options: O, maxWords = 0): Parsed<O> {
  const parsed = parse(context.args, options)
  const extra = parsed.positionals[maxWords]
  // `setup dry-run` is not to be run as `setup`.
  if (extra !== undefined) throw new UsageError(`"${extra}" means nothing here.`)
  return parsed
}

function parse<const O extends Options>(args: string[], options: O): Parsed<O> {
  try {
    return parseArgs({ args, options: { ...COMMON, ...options }, allowPositionals: true })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

export function readConfig(context: CommandContext, file: string | undefined): Promise<LoadedConfig> {
  return loadConfig({ directory: context.directory, file, env: context.env })
}
