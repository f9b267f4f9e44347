import { runCommand } from './command.ts'

// `pnpm bench <name>` runs bench/src/<name>.ts.
await runCommand((name) => `./${name}.ts`, 'Usage: pnpm bench <name> [--json] [--seed <n>] [--runs <n>] [--seconds <n>]')
