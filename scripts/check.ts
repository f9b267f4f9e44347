// `pnpm check`: everything that can be said without services, in seconds.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { checkBoundaries } from './check-boundaries.ts'
import { checkDocs } from './check-docs.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

interface Step {
  name: string
  run(): Promise<Outcome>
}

interface Outcome {
  isGood: boolean
  output: string
}

const STEPS: readonly Step[] = [
  command('format', 'oxfmt', '--check', '.'),
  command('lint', 'oxlint'),
  { name: 'boundaries', run: async () => toOutcome(checkBoundaries(root)) },
  { name: 'docs', run: async () => toOutcome(checkDocs(root)) },
  command('types', 'tsc', '-b'),
  command('unit tests', 'vitest', 'run', '--project', 'unit', '--reporter=dot'),
  command('unused code', 'knip', '--no-progress'),
  command('package shape', process.execPath, '--conditions=@zenstack-live/source', 'scripts/check-packages.ts'),
  command('bundle size', 'size-limit'),
]

let isGood = true
for (const step of STEPS) {
  const startedMs = performance.now()
  const outcome = await step.run()
  isGood &&= outcome.isGood
  console.log(`${outcome.isGood ? '✓' : '✗'} ${step.name.padEnd(14)} ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
  if (!outcome.isGood) console.log(outcome.output.replace(/^/gm, '    '))
}
process.exit(isGood ? 0 : 1)

function command(name: string, program: string, ...args: string[]): Step {
  return {
    name,
    run: () =>
      new Promise((resolve) => {
        const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, FORCE_COLOR: '0' } })
        let output = ''
        child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
        child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text))
        child.once('error', (error) => resolve({ isGood: false, output: error.message }))
        child.once('exit', (code) => resolve({ isGood: code === 0, output }))
      }),
  }
}

function toOutcome(problems: string[]): Outcome {
  return { isGood: problems.length === 0, output: problems.join('\n') }
}
