import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../..', import.meta.url))

// The long runs are `pnpm fuzz where` and `pnpm fuzz policy`. A failure here says its seed; `--seed` repeats it.
it.each([
  ['where', 3000],
  ['policy', 3000],
])(
  'random questions get the answers of ZenStack: %s',
  async (name, runs) => {
    const args = ['--conditions=@zenstack-live/source', 'bench/src/fuzz.ts', name, '--runs', String(runs), '--json']
    // Too few runs to meet every operator end with an exit code of 1; only wrong answers count here.
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: root, maxBuffer: 64 * 1024 * 1024 }).catch(
      (error: { stdout: string; stderr: string }) => error,
    )
    const result = JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as { cases: number; mismatches: number }
    expect(result.mismatches, stderr).toBe(0)
    expect(result.cases).toBeGreaterThanOrEqual(runs)
  },
  600_000,
)
