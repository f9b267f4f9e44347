import { runCommand } from './command.ts'

// `pnpm fuzz <name>` runs bench/src/fuzz-<name>.ts; a result with `failed: true` makes the command fail.
const result = await runCommand((name) => `./fuzz-${name}.ts`, 'Usage: pnpm fuzz <name> [--seed <n>] [--runs <n>] [--json] [--mutate]', true)
if (result['failed'] === true) process.exitCode = 1
