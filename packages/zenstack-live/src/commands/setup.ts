import { setUpCapture, type SetupReport } from '@zenstack-live/cdc'
import { captureTarget, preparedSlot, readCaptured } from '../capture-target.ts'
import { noTables } from '../dev/prepare-database.ts'
import { EXIT_CODES, type Command, type CommandContext } from './command.ts'
import { parseOptions, readConfig } from './parse-options.ts'
import { refusedModels, type RefusedModel } from './refused-models.ts'
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
    const { data, tables } = await readCaptured(config, target.url)
    const refused = refusedModels(data, tables)
    const isDryRun = values['dry-run']
    // An empty publication would look like one that is ready.
    const report =
      tables.length === 0 ? { statements: [], skipped: [] } : await setUpCapture({ ...target, slot: preparedSlot(config, target), tables, isDryRun })
    if (values.json) context.print(JSON.stringify({ isDryRun, ...report, refused }))
    else printReport(context, { isDryRun, ...report, refused })
    if (tables.length > 0) return EXIT_CODES.ok
    const { message, cure } = noTables()
    context.note(`${message} ${cure}`)
    return EXIT_CODES.problem
  },
}

function printReport(
  { print, hasColors }: CommandContext,
  { isDryRun, statements, skipped, refused }: SetupReport & { isDryRun: boolean; refused: RefusedModel[] },
): void {
  const style = createStyle(hasColors)
  for (const statement of statements) print(`${isDryRun ? style.dim('would run') : style.good('✔')} ${statement}`)
  if (statements.length === 0 && refused.length === 0) print(style.good('Nothing to do.'))
  for (const { table, reason } of skipped) print(`${style.caution('!')} ${table} is not captured as it should be: ${reason}.`)
  for (const { message, cure } of refused) print(`${style.caution('!')} ${message}\n    ${style.dim(cure)}`)
}
