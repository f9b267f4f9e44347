import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { progress, type CommandOptions, type CommandResult } from './command.ts'
import { median } from './quantile.ts'
import { writeCalls, type CallStyle } from './types/write-calls.ts'
import { writeSchema } from './types/write-schema.ts'

const MODELS = 50
const DEFAULT_ROUNDS = 3
const STYLES = ['useClientQueries', 'useLiveQueries', 'useLiveQuery'] as const satisfies readonly CallStyle[]

/** As an application with a bundler compiles, against what the packages publish. */
const COMPILER_OPTIONS = {
  noEmit: true,
  strict: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: true,
  target: 'ES2024',
  module: 'ESNext',
  moduleResolution: 'Bundler',
  types: [],
  lib: ['ES2024', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable'],
}

interface Diagnostics {
  checkSeconds: number
  instantiations: number
}

/**
 * What the compiler takes for the same reads of a schema of 50 models: through ZenStack's `useClientQueries`, through ours of the same names,
 * and through descriptors. By turns; the ratios are of medians, and of the dearer of our two ways.
 */
export async function run({ runs = DEFAULT_ROUNDS }: CommandOptions): Promise<CommandResult> {
  // Where the packages that an application has are found: those of the hooks' own tests.
  const directory = fileURLToPath(new URL('../../packages/react/node_modules/.cache/bench-types/', import.meta.url))
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  try {
    progress('building the packages and generating the schema')
    execute('tsc', ['-b', fileURLToPath(new URL('../../tsconfig.build.json', import.meta.url))], directory)
    writeProject(directory)
    return measure(directory, runs)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function writeProject(directory: string): void {
  writeFileSync(`${directory}schema.zmodel`, writeSchema(MODELS))
  const quiet = ['--no-version-check', '--no-tips', '--silent', '--generate-models', 'false', '--generate-input', 'false']
  execute('zen', ['generate', '--schema', 'schema.zmodel', '--output', '.', ...quiet], directory)
  for (const style of STYLES) {
    writeFileSync(`${directory}${style}.ts`, writeCalls(style, MODELS))
    writeFileSync(`${directory}tsconfig.${style}.json`, JSON.stringify({ compilerOptions: COMPILER_OPTIONS, files: [`${style}.ts`] }))
  }
}

function measure(directory: string, rounds: number): CommandResult {
  const seen = new Map<CallStyle, Diagnostics[]>(STYLES.map((style) => [style, []]))
  for (let round = 1; round <= rounds; round++) {
    for (const [style, diagnostics] of seen) {
      const found = diagnosticsIn(execute('tsc', ['-p', `tsconfig.${style}.json`, '--extendedDiagnostics', '--singleThreaded'], directory))
      diagnostics.push(found)
      progress(`round ${round} of ${rounds}, ${style}: ${found.checkSeconds.toFixed(2)} s, ${found.instantiations} instantiations`)
    }
  }
  const of = (style: CallStyle): Diagnostics => ({
    checkSeconds: median((seen.get(style) ?? []).map(({ checkSeconds }) => checkSeconds)),
    instantiations: median((seen.get(style) ?? []).map(({ instantiations }) => instantiations)),
  })
  const [theirs, hooks, descriptors] = [of('useClientQueries'), of('useLiveQueries'), of('useLiveQuery')]
  return {
    name: 'types',
    metrics: {
      checkTimeRatio: Math.max(hooks.checkSeconds, descriptors.checkSeconds) / theirs.checkSeconds,
      instantiationsRatio: Math.max(hooks.instantiations, descriptors.instantiations) / theirs.instantiations,
    },
    peers: { useClientQueries: { ...theirs }, useLiveQueries: { ...hooks }, useLiveQuery: { ...descriptors } },
    notes: [`${MODELS} models, four reads of each; the compiler on one thread, against built packages`],
  }
}

/** @throws {Error} when the program fails: what does not compile says nothing of time. */
function execute(program: string, args: readonly string[], directory: string): string {
  const path = fileURLToPath(new URL(`../../node_modules/.bin/${program}`, import.meta.url))
  return execFileSync(path, args, { cwd: directory, encoding: 'utf8' })
}

function diagnosticsIn(output: string): Diagnostics {
  const number = (name: string): number => Number(new RegExp(`^${name}:\\s+([\\d.]+)`, 'm').exec(output)?.[1])
  return { checkSeconds: number('Check time'), instantiations: number('Instantiations') }
}
