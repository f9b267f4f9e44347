import { formatLsn, type Lsn } from '@zenstack-live/protocol'
import { makeSlot, removeSlot, showSlot, type SlotFacts } from '@zenstack-live/cdc'
import { captureTarget, type CaptureTarget } from '../capture-target.ts'
import { EXIT_CODES, type Command, type CommandContext } from './command.ts'
import { parseOptions, readConfig, UsageError } from './parse-options.ts'
import { createStyle, formatBytes } from './style.ts'

export const command: Command = {
  summary: 'Shows, makes or drops the replication slot.',
  usage: `Usage: zenstack-live slot [show | create | drop --yes] [--config <file>] [--json]

A slot holds WAL back until it was read: drop it when nothing will read it any more.
After a drop the change log begins a new epoch, and every reader starts anew.`,
  async run(context) {
    const { values, positionals } = parseOptions(context, { yes: { type: 'boolean', default: false } }, 1)
    const config = await readConfig(context, values.config)
    const target = captureTarget(config)
    const [action = 'show'] = positionals
    switch (action) {
      case 'show':
        return show(context, target, { isJson: values.json, isWanted: config.capture !== false })
      case 'create': {
        const isNew = await makeSlot(target)
        return answer(
          context,
          values.json,
          { created: isNew },
          isNew ? `The slot "${target.slot}" was made.` : `The slot "${target.slot}" is there already.`,
        )
      }
      case 'drop': {
        if (!values.yes) throw new UsageError('Dropping the slot makes every reader start anew. Add --yes to do it.')
        const isGone = await removeSlot(target)
        return answer(
          context,
          values.json,
          { dropped: isGone },
          isGone ? `The slot "${target.slot}" was dropped.` : `There is no slot "${target.slot}".`,
        )
      }
      default:
        throw new UsageError(`"${action}" is not one of show, create and drop.`)
    }
  },
}

async function show(context: CommandContext, target: CaptureTarget, { isJson, isWanted }: { isJson: boolean; isWanted: boolean }): Promise<number> {
  const slot = await showSlot(target)
  if (isJson) {
    context.print(
      JSON.stringify(slot === undefined ? null : { ...slot, confirmedLsn: lsnText(slot.confirmedLsn), restartLsn: lsnText(slot.restartLsn) }),
    )
    return slot === undefined ? EXIT_CODES.problem : EXIT_CODES.ok
  }
  const style = createStyle(context.hasColors)
  if (slot === undefined) {
    const advice = isWanted ? 'Run `zenstack-live setup`.' : 'With `capture: false` none is needed.'
    context.print(`${style.bad('✖')} There is no slot "${target.slot}". ${advice}`)
    return EXIT_CODES.problem
  }
  for (const [name, value] of slotLines(slot)) context.print(`${style.dim(name.padEnd(12))} ${value}`)
  return EXIT_CODES.ok
}

function slotLines(slot: SlotFacts): [string, string][] {
  return [
    ['slot', slot.name],
    ['read by', slot.isActive ? `server process ${slot.activePid ?? '?'}` : 'nobody'],
    ['confirmed', lsnText(slot.confirmedLsn) ?? '-'],
    ['behind', formatBytes(slot.lagBytes)],
    ['holds back', formatBytes(slot.retainedBytes)],
    ['may grow by', slot.safeBytes === undefined ? 'without bound' : formatBytes(slot.safeBytes)],
    ['WAL', slot.walStatus ?? '-'],
    ['failover', slot.isFailover ? 'yes' : 'no'],
  ]
}

function answer(context: CommandContext, isJson: boolean, facts: object, sentence: string): number {
  context.print(isJson ? JSON.stringify(facts) : sentence)
  return EXIT_CODES.ok
}

function lsnText(lsn: Lsn | undefined): string | undefined {
  return lsn === undefined ? undefined : formatLsn(lsn)
}
