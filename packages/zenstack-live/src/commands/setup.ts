import { setUpCapture } from '@zenstack-live/cdc'
import { captureTarget, preparedSlot, readCaptured } from '../capture-target.ts'
import { EXIT_CODES, type Command } from './command.ts'
import { parseOptions, readConfig } from './parse-options.ts'
import { createStyle } from './style.ts'

export const command: Command = {
  summary: 'Prepares the database: replica identity, publication, replication slot.',
  usage: `Usage: zenstack-live setup [--dry-run] [--config <file>] [--json]

Sets REPLICA IDENTITY FULL on the tables of the schema, makes the publication and the slot
(no slot with \`capture: false\`: another program reads changes through one of its own).
Run it after each migration; it does nothing that is already done.

  --dry-run   print the statements, run none`,
  async run(context) {
    const { values } = parseOptions(context, { 'dry-run': { type: 'boolean', default: false } })
    const config = await readConfig(context, values.config)
    const target = captureTarget(config)
    const { tables } = await readCaptured(config, target.url)
    const isDryRun = values['dry-run']
    const report = await setUpCapture({ ...target, slot: preparedSlot(config, target), tables, isDryRun })
    if (values.json) {
      context.print(JSON.stringify({ isDryRun, ...report }))
      return EXIT_CODES.ok
    }
    const style = createStyle(context.hasColors)
    for (const statement of report.statements) context.print(`${isDryRun ? style.dim('would run') : style.good('✔')} ${statement}`)
    if (report.statements.length === 0) context.print(style.good('Nothing to do.'))
    for (const { table, reason } of report.skipped) context.print(`${style.caution('!')} ${table} is not captured as it should be: ${reason}.`)
    return EXIT_CODES.ok
  },
}
