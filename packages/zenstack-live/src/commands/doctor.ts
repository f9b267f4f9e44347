import { EXIT_CODES, type Command, type CommandContext } from './command.ts'
import { examine, type Finding } from './examine.ts'
import { parseOptions, readConfig } from './parse-options.ts'
import { createStyle } from './style.ts'

export const command: Command = {
  summary: 'Checks the database, the schema and the change log, and says how to mend what is wrong.',
  usage: `Usage: zenstack-live doctor [--config <file>] [--json]

Looks at Postgres (wal_level, role, slot, publication, tables), at the schema, and at the
change log. Changes nothing.

Exit code 0 when all is well, 1 when something is wrong or risky.`,
  async run(context) {
    const { values } = parseOptions(context, {})
    const findings = await examine(await readConfig(context, values.config))
    const isWell = findings.every(({ severity }) => severity === 'ok')
    if (values.json) context.print(JSON.stringify({ ok: isWell, findings }))
    else printFindings(context, findings)
    return isWell ? EXIT_CODES.ok : EXIT_CODES.problem
  },
}

function printFindings(context: CommandContext, findings: readonly Finding[]): void {
  const style = createStyle(context.hasColors)
  const signs = { ok: style.good('✔'), warning: style.caution('!'), error: style.bad('✖') }
  for (const [index, { severity, message, cure }] of findings.entries()) {
    context.print(`${signs[severity]} ${message}`)
    // One cure often mends many tables: it is said once, under the last of them.
    if (cure !== undefined && findings[index + 1]?.cure !== cure) context.print(style.dim(`    ${cure}`))
  }
  const count = (wanted: string): number => findings.filter(({ severity }) => severity === wanted).length
  const [errors, warnings] = [count('error'), count('warning')]
  context.print('')
  context.print(errors + warnings === 0 ? style.good('All is well.') : style.strong(`${errors} wrong, ${warnings} risky.`))
}
