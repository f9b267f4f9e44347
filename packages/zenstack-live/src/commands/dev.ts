import { relative, resolve } from 'node:path'
import { errorCodeOf } from '@zenstack-live/protocol'
import { captureTarget } from '../capture-target.ts'
import { createDevIdentity, hasPolicies, type DevIdentity } from '../dev/dev-identity.ts'
import { exampleModel, pasteLines } from '../dev/paste-lines.ts'
import { planDatabase, type DatabasePlan } from '../dev/prepare-database.ts'
import { sayChanges } from '../dev/say-changes.ts'
import type { LoadedConfig } from '../load-config.ts'
import { DEFAULT_LOG_DIRECTORY } from '../log-directory.ts'
import { serveEdge, type ServedEdge } from '../serve-edge.ts'
import { EXIT_CODES, type Command, type CommandContext } from './command.ts'
import { noteLogger } from './note-logger.ts'
import { parseOptions, readConfig, UsageError } from './parse-options.ts'
import { readPort } from './read-port.ts'
import { createStyle, type Style } from './style.ts'

export const command: Command = {
  summary: 'Makes the ZenStack project in this folder live, here and now, and says what to paste.',
  usage: `Usage: zenstack-live dev [--yes] [--as <json>] [--port <number>] [--base <path>] [--config <file>] [--json]

Finds the schema that \`zen generate\` wrote and DATABASE_URL (also in .env), prepares the
database after asking, and serves live queries on this machine: capture, change log and
edge in one process. Redis is used when REDIS_URL is set, and not needed.

  --yes    prepare the database without asking
  --as     who asks, as \`auth()\` sees them: --as '{"id":"ann"}'. Without it, and without
           \`getClient\` in zenstack-live.config.ts, somebody who is not signed in
  --port   where it listens; PORT, or 4000
  --base   path of the live queries; /api/live`,
  async run(context) {
    const { values } = parseOptions(context, {
      yes: { type: 'boolean', short: 'y', default: false },
      as: { type: 'string' },
      port: { type: 'string' },
      base: { type: 'string', default: '/api/live' },
    })
    const config = await readConfig(context, values.config)
    const teller = createTeller(context, values.json)
    const port = readPort(values.port ?? context.env['PORT'])
    const asked: Asked = { port, base: values.base, auth: readAuth(values.as), isAgreed: values.yes }
    const target = captureTarget(config)
    teller.good(`Schema    ${relative(context.directory, config.file)}, ${Object.keys(config.schema.models).length} models`)
    const plan = await planDatabase(config, target)
    if (!(await prepare(context, teller, plan, asked.isAgreed))) return EXIT_CODES.problem
    return serve(context, teller, config, { ...asked, url: target.url })
  },
}

interface Asked {
  port: number | undefined
  base: string
  auth: object | undefined
  isAgreed: boolean
}

/** Says what happens, in words or not at all. */
interface Teller {
  style: Style
  isJson: boolean
  say(line: string): void
  good(line: string): void
  bad(problem: { message: string; cure: string }): void
}

function createTeller({ print, note, hasColors }: CommandContext, isJson: boolean): Teller {
  const style = createStyle(hasColors)
  const say = isJson ? () => {} : print
  return {
    style,
    isJson,
    say,
    good: (line) => say(`${style.good('✔')} ${line}`),
    bad: ({ message, cure }) => note(`${style.bad('✖')} ${message}\n    ${style.dim(cure)}`),
  }
}

/** @returns whether changes can be read now */
async function prepare({ ask, note }: CommandContext, teller: Teller, plan: DatabasePlan, isAgreed: boolean): Promise<boolean> {
  const { server, obstacles, refused, statements } = plan
  if (server !== undefined) teller.good(`Database  ${server}`)
  for (const problem of [...obstacles, ...refused]) teller.bad(problem)
  if (obstacles.length > 0) return false
  if (statements.length === 0) return true
  teller.say(`${teller.style.caution('!')} To tell of every change, the database needs:`)
  for (const statement of statements) teller.say(`    ${statement}`)
  if (!isAgreed) {
    if (ask === undefined) {
      note('Nobody is here to ask. Nothing was changed; add --yes to run them.')
      return false
    }
    const answer = await ask('  Run them? [Y/n] ')
    if (!/^\s*(y|yes|)\s*$/i.test(answer)) {
      note('Nothing was changed.')
      return false
    }
  }
  await plan.run()
  teller.good('Prepared  the database tells of every change now')
  return true
}

async function serve(context: CommandContext, teller: Teller, config: LoadedConfig, asked: Asked & { url: string }): Promise<number> {
  const identity = config.getClient === undefined || asked.auth !== undefined ? createDevIdentity(config.schema, asked.url, asked.auth) : undefined
  try {
    const edge = await openEdge(context, config, asked, identity)
    try {
      introduce(context, teller, config, asked, edge)
      await sayChanges(await edge.live.log(), teller.say, teller.style, context.signal)
      return EXIT_CODES.ok
    } finally {
      await edge.close()
    }
  } catch (error) {
    if (errorCodeOf(error) !== 'log_in_use') throw error
    teller.bad({ message: 'Another process of this project is live already.', cure: 'If it is your application: it needs this command no more.' })
    return EXIT_CODES.problem
  } finally {
    await identity?.close()
  }
}

function openEdge(
  context: CommandContext,
  config: LoadedConfig,
  { port, base, url }: Asked & { url: string },
  identity?: DevIdentity,
): Promise<ServedEdge> {
  const directory = resolve(context.directory, config.directory ?? DEFAULT_LOG_DIRECTORY)
  const given = identity === undefined ? {} : { getClient: identity.getClient, dangerouslyAllowUnprotected: !hasPolicies(config.schema) }
  return serveEdge(
    { ...config, directory, database: { url }, setUp: false, ...given },
    {
      // Whoever reaches it is somebody: nobody but this machine may.
      hostname: '127.0.0.1',
      isOriginAllowed,
      base,
      ...(port === undefined ? {} : { port }),
      logger: noteLogger(context.note),
    },
  )
}

function isOriginAllowed(origin: string): boolean {
  return URL.canParse(origin) && ['localhost', '127.0.0.1', '[::1]'].includes(new URL(origin).hostname)
}

function introduce({ directory, print }: CommandContext, teller: Teller, config: LoadedConfig, { base, auth }: Asked, edge: ServedEdge): void {
  const { style, say, good } = teller
  const url = `${edge.url}${base}`
  const example = `${url}/${exampleModel(config.schema)}/findMany`
  if (teller.isJson) {
    print(JSON.stringify({ url, example }))
    return
  }
  good(
    config.redis === undefined
      ? `Log       ${config.directory ?? DEFAULT_LOG_DIRECTORY}, for one process; put it into .gitignore`
      : 'Log       Redis',
  )
  good(`Live      ${url}, ${identityText(config, auth)}`)
  say(`\nWatch it come alive:\n    ${style.strong(`curl -N -H 'accept: text/event-stream' '${example}'`)}`)
  say('and change a row, with anything that writes to the database.')
  if (isNobody(config, auth)) say('Nobody is signed in, who may see little or nothing: --as \'{"id":…}\' makes you somebody.')
  say('\nTo have it in your application:')
  const schemaFile = config.file.endsWith('schema.ts') ? config.file : undefined
  for (const { place, lines } of pasteLines({ schema: config.schema, schemaFile, directory, hasRedis: config.redis !== undefined, base })) {
    say(`\n  ${style.dim(place)}`)
    for (const line of lines) say(`    ${line}`)
  }
  say('\nWith these lines your application does all this by itself; this command is for looking around. Ctrl+C ends it.\n')
}

function identityText({ getClient, schema }: LoadedConfig, auth: object | undefined): string {
  if ((auth !== undefined || getClient === undefined) && !hasPolicies(schema)) return 'the schema has no policies: here everything may be read'
  if (auth !== undefined) return `everybody is ${JSON.stringify(auth)}`
  return getClient === undefined ? 'nobody is signed in' : 'getClient says who asks'
}

function isNobody({ getClient, schema }: LoadedConfig, auth: object | undefined): boolean {
  return auth === undefined && getClient === undefined && hasPolicies(schema)
}

function readAuth(text: string | undefined): object | undefined {
  if (text === undefined) return undefined
  try {
    const auth: unknown = JSON.parse(text)
    if (typeof auth === 'object' && auth !== null) return auth
  } catch {
    // Told below.
  }
  throw new UsageError(`--as ${text} is not a JSON object. Write what \`auth()\` is, such as '{"id":"ann"}'.`)
}
