import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { formatResult } from './format-result.ts'

export interface CommandOptions {
  json: boolean
  seed?: number
  runs?: number
  /** How long one measurement lasts, where it has a length of its own. */
  seconds?: number
  /** Fuzz only: break the subject on purpose, to see that the fuzzer notices. */
  mutate?: boolean
}

/** What a benchmark or a fuzzer gives back. */
export interface CommandResult {
  name: string
  /** The numbers that are compared from one run to the next. */
  metrics: Readonly<Record<string, number>>
  /** The same measurement of others, or of parts, by name. */
  peers?: Readonly<Record<string, Readonly<Record<string, number | string>>>>
  /** What has to be known to read the numbers: what was skipped, how clocks were set. */
  notes?: readonly string[]
}

/** With what a shell says of a program that such a signal ended. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }

/**
 * Reads `<name> [--json] [--seed n] [--runs n] [--seconds n] [--mutate]`, imports what `fileOf` names, and runs it.
 * A table goes to stderr; the last line on stdout is the result as one JSON object.
 *
 * @param wantsSeed - choose a seed when none is given, and say it, so that the run can be repeated
 */
export async function runCommand(fileOf: (name: string) => string, usage: string, wantsSeed = false): Promise<Record<string, unknown>> {
  // What was started is ended when this process exits, which it does not do of a signal.
  for (const [signal, code] of Object.entries(SIGNALS)) process.once(signal, () => process.exit(code))
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      seed: { type: 'string' },
      runs: { type: 'string' },
      seconds: { type: 'string' },
      mutate: { type: 'boolean', default: false },
    },
  })
  const [name] = positionals
  if (name === undefined || !/^[a-z][a-z0-9-]*$/.test(name)) throw new Error(usage)
  const options: CommandOptions = { json: values.json }
  if (values.seed !== undefined) options.seed = wholeNumber('seed', values.seed)
  else if (wantsSeed) options.seed = randomInt(2 ** 31)
  if (values.runs !== undefined) options.runs = wholeNumber('runs', values.runs)
  if (values.seconds !== undefined) options.seconds = wholeNumber('seconds', values.seconds)
  if (values.mutate) options.mutate = true
  if (wantsSeed) progress(`seed ${options.seed}: repeat with --seed ${options.seed}`)
  const module: unknown = await import(fileOf(name))
  const run: unknown = Reflect.get(Object(module), 'run')
  if (typeof run !== 'function') throw new Error(`"${name}" exports no run().`)
  const result: unknown = await run(options)
  if (typeof result !== 'object' || result === null) throw new Error(`"${name}" gave no result.`)
  const facts = { ...result, ...(options.seed === undefined ? {} : { seed: options.seed }) }
  process.stderr.write(formatResult(facts))
  process.stdout.write(`${JSON.stringify(wantsSeed ? withCounts(facts, name) : facts)}\n`)
  return facts
}

/** A fuzzer's counts stand at the top of its result, whatever else it says. */
function withCounts({ metrics, ...facts }: Record<string, unknown>, name: string): Record<string, unknown> {
  return { ...facts, name, ...(typeof metrics === 'object' ? metrics : {}) }
}

/** Progress goes to stderr, so that stdout stays for the result. */
export function progress(line: string): void {
  process.stderr.write(`${line}\n`)
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} takes a whole number, not "${text}".`)
  return value
}
