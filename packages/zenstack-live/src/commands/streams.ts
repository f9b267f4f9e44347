import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { openEmbeddedLog, openRedisLog, type ChangeLog } from '@zenstack-live/change-log'
import { createStreamAdmin, type DeadEvent, type StreamAdmin, type StreamInfo, type StreamPartitionInfo } from '@zenstack-live/streams'
import { DEFAULT_LOG_DIRECTORY } from '../log-directory.ts'
import { EXIT_CODES, type Command, type CommandContext } from './command.ts'
import { parseOptions, readConfig, UsageError } from './parse-options.ts'
import { createStyle, formatBytes, type Style } from './style.ts'

export const command: Command = {
  summary: 'Shows who reads changes durably, how far, and what failed; replays it, or lets go.',
  usage: `Usage: zenstack-live streams [list]
       zenstack-live streams letters <id>
       zenstack-live streams replay  <id> (<position>… | --all)
       zenstack-live streams discard <id> (<position>… | --all)
       zenstack-live streams drop    <id> --yes [--force]
       … [--config <file>] [--json]

  list      every id: its owner, how far behind it is, its dead letters
  letters   the dead letters of an id: events that its handler gave up
  replay    have dead letters delivered again, by the process that runs the id with
            live.handle, each when it is its row's turn
  discard   throw dead letters away, also those that wait to be delivered again
  drop      forget an id, its place and its dead letters. An id that nobody reads holds
            changes back from being trimmed. One that a process runs needs --force:
            that process then begins it anew, where its \`start\` says.

Without Redis the log belongs to the process that runs the streams, and to no other: while
it runs, ask there, with \`live.streams\`.

Exit code 1 when there is no such id or dead letter, or it may not be dropped.`,
  async run(context) {
    const { values, positionals } = parseOptions(
      context,
      { all: { type: 'boolean', default: false }, yes: { type: 'boolean', default: false }, force: { type: 'boolean', default: false } },
      Infinity,
    )
    const [name = 'list', id, ...positions] = positionals
    const action = ACTIONS[name]
    if (action === undefined) throw new UsageError(`"${name}" is not one of ${Object.keys(ACTIONS).join(', ')}.`)
    if (name !== 'list' && id === undefined) throw new UsageError(`Which id? zenstack-live streams ${name} <id>`)
    const log = await openLog(context, values.config)
    try {
      const request: Request = { ...values, id: id ?? '', positions, admin: createStreamAdmin(log), style: createStyle(context.hasColors) }
      return await action(context, request)
    } finally {
      await log.close()
    }
  },
}

interface Request {
  id: string
  positions: readonly string[]
  all: boolean
  yes: boolean
  force: boolean
  json: boolean
  admin: StreamAdmin
  style: Style
}

type Action = (context: CommandContext, request: Request) => Promise<number>

const ACTIONS: Readonly<Record<string, Action>> = { list, letters, replay: settleLetters('replay'), discard: settleLetters('discard'), drop }

async function openLog(context: CommandContext, file: string | undefined): Promise<ChangeLog> {
  const { redis, directory } = await readConfig(context, file)
  // How Redis is set up is for the doctor to judge.
  if (redis !== undefined) return openRedisLog(redis)
  const folder = resolve(context.directory, directory ?? DEFAULT_LOG_DIRECTORY)
  if (!existsSync(folder))
    throw new Error(
      `There is no change log in ${folder} yet, and no Redis is configured. Start your application first, or set REDIS_URL as it has it.`,
    )
  return openEmbeddedLog({ directory: folder })
}

async function list({ print }: CommandContext, { admin, json, style }: Request): Promise<number> {
  const streams = await admin.list()
  if (json) print(JSON.stringify(streams, jsonValue))
  else if (streams.length === 0) print('No stream has a place yet.')
  else for (const line of streams.flatMap((stream) => streamLines(stream, style))) print(line)
  return EXIT_CODES.ok
}

function streamLines(stream: StreamInfo, style: Style): string[] {
  const { id, partitions } = stream
  const counts = letterCounts(stream)
  const dead = counts === '' ? '' : `  ${style.bad(counts)}`
  const [only] = partitions
  if (partitions.length === 1 && only !== undefined) return [`${style.strong(id)}  ${placeText(only, style)}${dead}`]
  return [`${style.strong(id)}${dead}`, ...partitions.map((part) => `  ${part.index + 1}/${part.partitions}  ${placeText(part, style)}`)]
}

function letterCounts({ deadLetters, replaying, lettersLost }: StreamInfo): string {
  const counts = [
    deadLetters === 0 ? '' : `${deadLetters} dead ${deadLetters === 1 ? 'letter' : 'letters'}`,
    replaying === 0 ? '' : `${replaying} to be delivered again`,
    lettersLost === 0 ? '' : `${lettersLost} gone for good, beyond \`maxDeadLetters\``,
  ]
  return counts.filter((count) => count !== '').join(', ')
}

function placeText({ owner, lagBytes, cursor, savedAt }: StreamPartitionInfo, style: Style): string {
  const reader = owner === undefined ? style.caution('nobody reads it') : `read by ${processOf(owner)}`
  const lag =
    cursor === undefined
      ? 'no place yet'
      : lagBytes === undefined
        ? `at ${cursor}`
        : lagBytes === 0n
          ? 'up to date'
          : `${formatBytes(Number(lagBytes))} of WAL behind`
  const seen = owner !== undefined || savedAt === undefined ? '' : style.dim(`, last seen ${savedAt.toISOString()}`)
  return `${reader}, ${lag}${seen}`
}

/** Owners are `host:pid:random`. */
function processOf(owner: string): string {
  const [host, pid] = owner.split(':')
  return pid === undefined ? owner : `process ${pid} on ${host}`
}

async function letters(context: CommandContext, { id, admin, json, style }: Request): Promise<number> {
  if ((await find(admin, id)) === undefined) return missing(context, id)
  const dead = await admin.deadLetters(id)
  if (json) context.print(JSON.stringify(dead))
  else if (dead.length === 0) context.print(`"${id}" has no dead letters.`)
  else for (const letter of dead) context.print(letterText(letter, style))
  return EXIT_CODES.ok
}

function letterText({ position, type, model, key, deliveries, date, error, isReplaying }: DeadEvent, style: Style): string {
  const times = deliveries === 1 ? 'once' : `${deliveries} times`
  const again = isReplaying ? ', to be delivered again' : ''
  return `${style.strong(position)}  ${model} ${key} ${type} ${date.toISOString()}, delivered ${times}${again}\n    ${style.bad(error.split('\n', 1)[0] ?? '')}`
}

function settleLetters(verb: 'replay' | 'discard'): Action {
  return async (context, { id, positions, all, admin, json }) => {
    if (all === positions.length > 0)
      throw new UsageError(`Name the positions of dead letters (\`zenstack-live streams letters ${id}\`), or give --all.`)
    const stream = await find(admin, id)
    if (stream === undefined) return missing(context, id)
    let count = 0
    for (const position of all ? [undefined] : positions) count += await admin[verb](id, position)
    const done = verb === 'replay' ? 'will be delivered again' : 'thrown away'
    context.print(
      json
        ? JSON.stringify({ [verb]: count })
        : `${count} of ${stream.deadLetters + (verb === 'discard' ? stream.replaying : 0)} dead letters ${done}.`,
    )
    if (verb === 'replay' && stream.partitions.every(({ owner }) => owner === undefined))
      context.note(`No process runs "${id}" now; they wait for one.`)
    return count < positions.length ? EXIT_CODES.problem : EXIT_CODES.ok
  }
}

async function drop(context: CommandContext, { id, admin, json, yes, force }: Request): Promise<number> {
  const stream = await find(admin, id)
  if (stream === undefined) return missing(context, id)
  const letterCount = stream.deadLetters + stream.replaying
  if (!yes) throw new UsageError(`"${id}" loses its place${letterCount === 0 ? '' : ` and ${letterCount} dead letters`}. Add --yes to do it.`)
  const owner = stream.partitions.find((part) => part.owner !== undefined)?.owner
  if (owner !== undefined && !force) {
    context.note(`"${id}" is read by ${processOf(owner)}. Stop it first, or add --force: then it begins anew, where its \`start\` says.`)
    return EXIT_CODES.problem
  }
  const isDropped = await admin.drop(id)
  context.print(json ? JSON.stringify({ dropped: isDropped }) : `"${id}" was dropped.`)
  return EXIT_CODES.ok
}

async function find(admin: StreamAdmin, id: string): Promise<StreamInfo | undefined> {
  return (await admin.list()).find((stream) => stream.id === id)
}

function missing({ note }: CommandContext, id: string): number {
  note(`There is no stream "${id}". \`zenstack-live streams\` lists those that are there.`)
  return EXIT_CODES.problem
}

function jsonValue(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value
}
